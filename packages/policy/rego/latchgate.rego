# METADATA
# title: The default policy of LatchGate
# description: >-
#   spec/pipeline.md 5.5 as mended by design.md 6. The decision is data.latchgate.decision; the first
#   row of the table that matches gives it. What is not permitted by name is denied.
package latchgate

# Rows of the table. The `else` chain is the precedence: a request that violates several rows
# reports the lowest. Each row may rely on the rows above not having matched, but the last one, which
# allows, states again everything it needs: a missing member makes it undefined, and that denies.

decision := denied("untrusted action: digest verification failed") if {
	input.action_trust_verdict != "digest_ok"
} else := denied_as("action_not_granted", reason) if {
	not has_action
	reason := concat("", ["principal '", input.principal, "' is not authorised for action '", input.action_id, "'"])
} else := denied(reason) if {
	not "tools:call" in input.scopes
	reason := concat("", [
		"scope 'tools:call' is required for action execution but is absent from lease scopes: ",
		as_array(input.scopes),
	])
} else := denied(reason) if {
	count(missing_scopes) > 0
	reason := concat("", [
		"lease is missing required scope(s) for action '", input.action_id,
		"': required=", as_array(input.required_scopes),
		", present=", as_array(input.scopes),
		", missing=", as_set(missing_scopes),
	])
} else := denied_as("budget_exhausted", "budget exhausted: no calls remaining") if {
	input.budgets_before.calls_remaining <= 0
} else := denied(reason) if {
	count(forbidden_sinks) > 0
	reason := concat("", ["disallowed sink(s): ", as_set(forbidden_sinks)])
} else := permitted if {
	# "No row above matched" is not "every condition holds": a member that is missing matches nothing.
	is_string(input.principal)
	sound_entry
	input.action_trust_verdict == "digest_ok"
	has_action
	"tools:call" in input.scopes
	every scope in input.required_scopes { scope in input.scopes }
	is_number(input.budgets_before.calls_remaining)
	input.budgets_before.calls_remaining > 0
	is_array(permitted_sinks)
	every sink in input.requested_sinks { sink in permitted_sinks }
} else := denied("no matching allow rule")

denied(reason) := object.union({"allow": false, "deny_reason": reason}, version)

# Where the gate answers more than the reason: a grant would help, or the budget is the cause.
denied_as(code, reason) := object.union(denied(reason), {"deny_code": code})

permitted := {
	"allow": true,
	"requires_approval": held,
	"approval": {
		"required": held,
		"reasons": reasons,
		"quorum": {"min": approvals_needed, "distinct_from_requester": true},
	},
	"budgets_after": {"calls_remaining": input.budgets_before.calls_remaining - 1},
	# What was requested and no more: every one of them is in the principal's own list.
	"allowed_sinks": input.requested_sinks,
	"approved_secrets": input.requested_secrets,
	"approved_egress": input.egress_profile,
	"policy_version": version.policy_version,
}

default version := {}

version := {"policy_version": data.policy_version} if is_string(data.policy_version)

# Rights. An entry of a principal shadows the wildcard entry, an empty one too: otherwise revoking the
# last action of a principal would hand it the wildcard's. `inherits_wildcard: true` joins the two.

own := data.acl[input.principal]

wildcard := object.get(data.acl, "*", {})

sources := [wildcard] if not own

sources := [own] if not own.inherits_wildcard == true

sources := [own, wildcard] if own.inherits_wildcard == true

has_action if {
	some source in sources
	input.action_id in source.allowed_actions
}

# An entry without the list of sinks is broken: undefined, even when no sink is requested.
permitted_sinks := wildcard.allowed_sinks if not own

permitted_sinks := own.allowed_sinks if not own.inherits_wildcard == true

permitted_sinks := array.concat(own.allowed_sinks, object.get(wildcard, "allowed_sinks", [])) if {
	own.inherits_wildcard == true
}

# So is one whose `inherits_wildcard` is neither `true` nor `false`: it allows nothing.
sound_entry if not own

sound_entry if is_boolean(object.get(own, "inherits_wildcard", false))

forbidden_sinks := {sink |
	some sink in input.requested_sinks
	not sink in permitted_sinks
}

missing_scopes := {scope |
	some scope in input.required_scopes
	not scope in input.scopes
}

# Approval. Each reason is named, in the order of rows 6a to 6d; the last one is the tightening of the
# data document. The operator's answer (`approved`) satisfies them, and nothing else does.

held if {
	count(reasons) > 0
	not input.approved == true
} else := false

reasons := array.concat(risk_reasons, array.concat(path_reasons, array.concat(domain_reasons, rule_reasons)))

risk_reasons := [] if {
	input.action_risk_level in {"low", "medium"}
} else := [] if {
	# The bypass waives this reason and no other.
	data.latchgate.allowlist[input.action_id][input.principal] == true
} else := [{"code": "risk", "detail": concat("", ["the action's risk level is ", input.action_risk_level])}]

path_reasons := array.concat(
	[{"code": "sensitive_path", "detail": concat("", ["'", input.fs_path, "' is a sensitive path"])} | sensitive_path],
	[{"code": "unresolved_path", "detail": concat("", ["'", path, "' is not among the allowed paths"])} |
		some path in object.get(input, "unresolved_paths", [])
	],
)

domain_reasons := [{"code": "unresolved_domain", "detail": concat("", ["'", domain, "' is not on the allow list"])} |
	some domain in object.get(input, "unresolved_domains", [])
]

rule_reasons := [{"code": "rule", "detail": concat("", ["latchgate.require_approval.", input.action_id, ".", who, " is set"])} |
	some who in ["*", input.principal]
	data.latchgate.require_approval[input.action_id][who] == true
]

# How many have to approve when an approval is needed; by itself it needs none. The largest that matches:
# a rule for one pair can ask for more than the rule for everybody, never for less. Whatever is there
# takes part, a text too, so that a number that is none becomes no decision and not a quorum of one.

approvals_needed := max(array.concat([1], [least |
	some action in ["*", input.action_id]
	some who in ["*", input.principal]
	least := data.latchgate.quorum[action][who]
]))

# `fs_path` is the canonical path. Segments are compared without case, because a file system may ignore
# it. No globs: their separator is `.` by default, which made the engines disagree and missed files at
# the root.

segments := [segment |
	some segment in split(lower(input.fs_path), "/")
	not segment in {"", "."}
] if {
	input.action_category == "fs"
}

last := count(segments) - 1

sensitive_path if segments[last] == ".env"

sensitive_path if startswith(segments[last], ".env.")

sensitive_path if {
	segments[last] == "credentials"
	segments[last - 1] == ".aws"
}

sensitive_path if {
	some index, segment in segments
	index < last
	segment in {"secrets", ".ssh"}
}

# Text. `sprintf("%v", array)` prints differently in OPA and in its WebAssembly runtime.

as_array(strings) := concat("", ["[", concat(", ", [json.marshal(one) | some one in strings]), "]"])

as_set(strings) := concat("", ["{", concat(", ", [json.marshal(one) | some one in sort(strings)]), "}"])
