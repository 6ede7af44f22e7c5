"""Which role each rpc takes: `check_permission`."""

from collections.abc import Mapping
from types import MappingProxyType

from gistwire_server.errors import PermissionDeniedError
from gistwire_server.security.callers import Caller, Role

ROLE_OF_RPC: Mapping[str, Role] = MappingProxyType(
    {
        "Search": Role.SEARCH,
        "StreamSearch": Role.SEARCH,
        "Watch": Role.SEARCH,
        "StreamSummarize": Role.SEARCH,
        "StreamDigest": Role.SEARCH,
        "StreamRecommend": Role.SEARCH,
        "StreamTopics": Role.SEARCH,
        "GetArticle": Role.SEARCH,
        "WriteUserEvents": Role.SEARCH,
        "GetUserProfile": Role.SEARCH,
        "UpdateUserProfile": Role.SEARCH,
        "StreamIngest": Role.INGEST,
        "DeleteArticle": Role.INGEST,
        "PurgeUser": Role.ADMIN,
    }
)
"""The role of each rpc of the contract; one that is not named here can be called by nobody."""


def check_permission(caller: Caller, rpc: str) -> None:
    """Lets a caller pass who may make a call.

    Raises:
        PermissionDeniedError: they may not.
    """
    role = ROLE_OF_RPC.get(rpc)
    if role is None or not caller.has(role):
        needed = "a role that no caller has" if role is None else f"the role {role.value}"
        raise PermissionDeniedError(f"{rpc} takes {needed}")
