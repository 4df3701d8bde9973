"""What the membrane asks the limits, and the operation by which an operator asks them for one act."""

from typing import Any

from ostiary.identities import refs
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Outcome
from ostiary.limits import service as limits
from ostiary.limits.model import Decision, Knock, Numbers
from ostiary.membrane.bodies import Durable, EvaluationShown
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.model import Kind
from ostiary.membrane.requests import EvaluationWanted
from ostiary.web.envelope import Envelope

__all__ = ["evaluate", "knock"]

_DEFAULT = "default"


def knock(c: Crossing, code: Code, route: str, action: str) -> Knock | Refusal:
    """Return what the limits are asked: in a live tenant by a policy on record, in a fixture one by the request.

    The address is the real one's keyed hash; what the request says of address and device is a claim (ruling 27).
    """
    body: Any = c.body
    policy = _DEFAULT if c.live and not body.policy_ref else named("auth_rate_limit_policy", body.policy_ref) or ""
    if not policy or (c.live and limits.policy(c.tx, policy) is None):
        return Refusal(code)
    numbers = None if c.live else _numbers(body)
    chosen = c.live and c.who.kind is Kind.OPERATOR  # nobody else says by which numbers they are counted
    return Knock(
        policy=policy if chosen else _DEFAULT,
        subject=c.person(body.subject) or body.subject,
        route=route,
        action=action,
        address=c.caller.address,
        device=body.device_binding,
        source=body.source_ip_hash,
        numbers=numbers,
        crowd=c.who.kind is Kind.BROWSER,
    )


def evaluate(c: Crossing) -> Envelope[EvaluationShown] | Refusal:
    """Evaluate the limits for one act of one subject; what comes of it is evidence, and counts."""
    body: EvaluationWanted = c.body
    asking = knock(c, Code.AUTH_RATE_LIMIT_POLICY_INVALID, body.route, body.action)
    if isinstance(asking, Refusal):
        return asking
    made = limits.evaluate(c.tx, c.caller, asking)
    if made.refusal is not None:
        return made.refusal
    shown = ref("auth_rate_limit_evaluation", made.id)
    return c.done(
        Outcome.ADMITTED,
        c.tx.receipt,
        EvaluationShown,
        auth_rate_limit_evaluation=shown,
        policy=body.policy_ref or ref("auth_rate_limit_policy", made.policy),
        subject=refs.ref_of(c.tx, "human_person", asking.subject) if c.person(body.subject) else body.subject,
        route=made.route,
        action=made.action,
        decision=made.decision.value,
        allowed=made.decision is Decision.ALLOW,
        failed_gate=None,
        retry_after_seconds=made.retry_after,
        source_ip_hash=body.source_ip_hash,
        device_binding=body.device_binding,
        enforced_in_runtime_overlay=True,
        durable_state=Durable(shown, made.decision.value, instant(made.expires_at)),
    )


def _numbers(body: Any) -> Numbers:  # noqa: ANN401 - two requests have these fields
    return Numbers(
        body.window_seconds * SECOND,
        body.attempt_count,
        body.soft_limit,
        body.lockout_threshold,
        body.lockout_seconds * SECOND,
    )
