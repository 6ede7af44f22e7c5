"""Whether digits are a payment card's, an account's or a person's: check digits and ranges, as pure functions."""

from datetime import date

from gistwire_models.deferred_pattern import deferred_pattern

# Length of an IBAN by country (SWIFT, "IBAN Registry", release 99).
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip

# First digits and lengths of the great card schemes (ISO/IEC 7812-1; the schemes' own publications).
_CARD = deferred_pattern(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|65\d{2}|64[4-9]\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|3(?:0[0-5]|[68]\d)\d{11}"  # Diners Club
    r"|62\d{14,17}"  # UnionPay
)
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def is_payment_card(digits: str) -> bool:
    """Whether these digits are a number of a great card scheme, with the right check digit (Luhn, ISO/IEC 7812-1)."""
    if not _CARD.fullmatch(digits):
        return False
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(each - 9 if each > 9 else each for each in doubled)
    return total % 10 == 0


def iban_length(country: str) -> int | None:
    """Length of the account numbers (ISO 13616) of a country; None if it has none."""
    return _IBAN_LENGTHS.get(country)


def is_iban(number: str) -> bool:
    """Whether a number, without spaces and in capitals, is an international bank account number (ISO 13616)."""
    if len(number) != iban_length(number[:2]):
        return False
    # Letters count from A = 10 up (ISO/IEC 7064, MOD 97-10).
    return int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97 == 1


def is_us_social_security_number(digits: str) -> bool:
    """Whether nine digits may be a social security number: some areas, groups and serials are never issued."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def is_chinese_resident_number(number: str) -> bool:
    """Whether 18 characters are a resident identity number, by date of birth and check digit (GB 11643-1999)."""
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, number[:17], strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def is_spanish_identity_number(digits: str, letter: str) -> bool:
    """Whether eight digits and a letter are a Spanish identity number (DNI)."""
    return _DNI_LETTERS[int(digits) % 23] == letter
