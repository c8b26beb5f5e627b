"""The client for agents that act through a LatchGate gate."""

from ._memory import SequenceFinding
from ._receipts import ReceiptKey, ReceiptReport, verify_receipt
from ._version import __version__
from .client import LatchGateClient
from .dpop import DPoPKeyPair, compute_ath
from .errors import (
    GateDetails,
    LatchGateApprovalDenied,
    LatchGateApprovalExpired,
    LatchGateApprovalRequired,
    LatchGateApprovalTimeout,
    LatchGateAuthError,
    LatchGateBudgetExhausted,
    LatchGateDenied,
    LatchGateError,
    LatchGateLeaseExpired,
    LatchGateNotConnected,
    LatchGateReplayDetected,
    LatchGateTransportError,
    LatchGateUnavailable,
)
from .results import (
    ActionResult,
    ActionSummary,
    ApprovalEntry,
    ApprovalStatus,
    EgressProfile,
    ExecutionReceipt,
    HoldReason,
    LogPosition,
    PermittedAction,
)
from .sync_client import LatchGateSyncClient

__all__ = [
    "ActionResult",
    "ActionSummary",
    "ApprovalEntry",
    "ApprovalStatus",
    "DPoPKeyPair",
    "EgressProfile",
    "ExecutionReceipt",
    "GateDetails",
    "HoldReason",
    "LatchGateApprovalDenied",
    "LatchGateApprovalExpired",
    "LatchGateApprovalRequired",
    "LatchGateApprovalTimeout",
    "LatchGateAuthError",
    "LatchGateBudgetExhausted",
    "LatchGateClient",
    "LatchGateDenied",
    "LatchGateError",
    "LatchGateLeaseExpired",
    "LatchGateNotConnected",
    "LatchGateReplayDetected",
    "LatchGateSyncClient",
    "LatchGateTransportError",
    "LatchGateUnavailable",
    "LogPosition",
    "PermittedAction",
    "ReceiptKey",
    "ReceiptReport",
    "SequenceFinding",
    "__version__",
    "compute_ath",
    "verify_receipt",
]
