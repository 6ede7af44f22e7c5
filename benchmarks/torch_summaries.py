"""The torch engine of Triton's `summarizer` on a GPU: `python -m benchmarks.torch_summaries`.

Weights are random, of BART-large's size over our vocabulary: texts are worth nothing, times are those of any such
checkpoint. It needs torch, transformers, tokenizers and msgspec alone, with ``PYTHONPATH=models``.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers
from gistwire_models.summarizer import DraftDelta, SummaryRequest
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

_VERSION_FOLDER = Path(__file__).parents[1] / "model_repo" / "summarizer" / "1"
sys.path.append(str(_VERSION_FOLDER))

if TYPE_CHECKING:
    from torch_engine import TorchSummarizer

_MAX_TOKENS = 48
_BODY = (
    "Dock workers in Ellery began a strike on Monday after talks over night shifts broke down. The port authority "
    "said 14 ships were waiting outside the harbour. Shop owners fear that fruit will be scarce by the weekend. "
    "The mayor has called both sides to her office for Thursday morning. Ferries to the islands run as planned, "
    "although with fewer crossings in the evening, and the railway has put on two more trains to the north."
)


def main() -> None:
    """Prints rate, time to the soonest first piece, and memory, by numbers computed in and size of batch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda:0", help="device (default: cuda:0)")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float16", "bfloat16"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32, 64])
    parser.add_argument(
        "--layers", type=int, default=12, help="layers of encoder and decoder each (default: 12)"
    )
    options = parser.parse_args()
    is_gpu = options.device.startswith("cuda")
    name = torch.cuda.get_device_name(options.device) if is_gpu else options.device
    print(
        f"{name}, torch {torch.__version__}, transformers {transformers.__version__}, Python {sys.version.split()[0]}"
    )
    with tempfile.TemporaryDirectory(prefix="gistwire-bench-") as folder:
        parameters = write_checkpoint(Path(folder), options.layers)
        print(f"{parameters / 1e6:.0f} M parameters; 100 source tokens, {_MAX_TOKENS} written")
        print("dtype      batch   summaries/s   tokens/s   soonest piece   memory at the peak")
        for dtype in options.dtypes:
            for batch in options.batches:
                asyncio.run(_measure(Path(folder), options.device, dtype, batch))


def write_checkpoint(folder: Path, layers: int) -> int:
    """Writes a checkpoint of random weights; returns its number of parameters."""
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=str(_VERSION_FOLDER / "tokenizer.json"),
        bos_token="[CLS]",
        eos_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=512,
    )
    torch.manual_seed(1)
    model = BartForConditionalGeneration(
        BartConfig(
            vocab_size=len(tokenizer),
            encoder_layers=layers,
            decoder_layers=layers,
            max_position_embeddings=512,
            bos_token_id=_id(tokenizer, "[CLS]"),
            pad_token_id=_id(tokenizer, "[PAD]"),
            eos_token_id=_id(tokenizer, "[SEP]"),
            decoder_start_token_id=_id(tokenizer, "[SEP]"),
            forced_eos_token_id=None,
            # Otherwise random weights write the same mark again and again.
            init_std=0.4,
            tie_word_embeddings=False,
        )
    )
    assert model.generation_config is not None
    model.generation_config.min_new_tokens = _MAX_TOKENS
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(each.numel() for each in model.parameters())


def _id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


async def _measure(folder: Path, device: str, dtype: str, batch: int) -> None:
    from torch_engine import TorchSummarizer  # noqa: PLC0415 (found on the path that is set above)

    summarizer = await asyncio.to_thread(
        TorchSummarizer.load,
        folder,
        device=device,
        dtype=dtype,
        max_batch=batch,
        max_waiting=1024,
        languages=["en"],
        prompt=None,
    )
    is_gpu = device.startswith("cuda")
    try:
        await asyncio.gather(*(_first_piece_s(summarizer, number) for number in range(batch)))
        if is_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        count = 8 if batch == 1 else 3 * batch
        begin = time.perf_counter()
        # The engine itself batches those that wait; more than a batch of them wait from the second one on.
        firsts = await asyncio.gather(*(_first_piece_s(summarizer, number) for number in range(count)))
        took_s = time.perf_counter() - begin
    finally:
        await summarizer.close()
    peak = f"{torch.cuda.max_memory_allocated(device) / 1e9:6.2f} GB" if is_gpu else "-"
    print(
        f"{dtype:<9} {batch:6}   {count / took_s:11.1f}   {count * _MAX_TOKENS / took_s:8.0f}   "
        f"{min(firsts) * 1e3:10.0f} ms   {peak}",
        flush=True,
    )
    # What the generators of articles still hold of the weights goes with them.
    gc.collect()
    if is_gpu:
        torch.cuda.empty_cache()


async def _first_piece_s(summarizer: "TorchSummarizer", number: int) -> float:
    """Has an article written; returns the seconds to the first piece of its draft."""
    request = SummaryRequest(
        article_id=str(number),
        revision="r",
        headline=f"Harbour strike {number}",
        body=_BODY,
        language="en",
        max_tokens=_MAX_TOKENS,
    )
    begin = time.perf_counter()
    first_s: float | None = None
    async for event in summarizer.summarize(request):
        if isinstance(event, DraftDelta):
            first_s = first_s or time.perf_counter() - begin
    return first_s or time.perf_counter() - begin


if __name__ == "__main__":
    main()
