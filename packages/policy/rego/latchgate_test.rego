# One test for each row of spec/pipeline.md 5.5 (mended by design.md 6). The same table is run against
# the compiled module by the gate's tests.
package latchgate_test

import data.latchgate

request := {
	"principal": "agent:billing",
	"session_id": "0198c0de-1111-7000-8000-00000000000a",
	"scopes": ["tools:call"],
	"required_scopes": ["tools:call"],
	"action_id": "http_post",
	"action_version": "1.0.0",
	"action_risk_level": "medium",
	"action_trust_verdict": "digest_ok",
	"request_hash": "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
	"requested_sinks": ["http_write"],
	"requested_secrets": ["API_TOKEN"],
	"egress_profile": {"proxy_allowlist": {"allowed_domains": ["api.example.com"]}},
	"budgets_before": {"calls_remaining": 12},
	"params": {"title": "x"},
	"target": {"method": "POST", "scheme": "https", "host": "api.example.com", "port": 443, "path": "/"},
	"time": "2026-01-01T00:00:00.000Z",
	"owner": null,
	"identity_method": "peercred",
	"session": {"calls": 12},
	"approved": false,
}

document := {
	"policy_version": "team-12",
	"acl": {
		"*": {"allowed_actions": ["http_fetch"], "allowed_sinks": ["http_read"]},
		"agent:billing": {"allowed_actions": ["http_post"], "allowed_sinks": ["http_write"]},
		"agent:heir": {
			"allowed_actions": ["http_post"],
			"allowed_sinks": ["http_write"],
			"inherits_wildcard": true,
		},
		"agent:revoked": {"allowed_actions": [], "allowed_sinks": []},
		"agent:broken": {"allowed_actions": ["http_post"]},
		"agent:odd": {
			"allowed_actions": ["http_post", "http_fetch"],
			"allowed_sinks": ["http_write", "http_read"],
			"inherits_wildcard": "yes",
		},
	},
}

# The decision for the request with some members replaced, on the document with bypasses and rules.
outcome(change, extra) := result if {
	result := latchgate.decision with input as object.union(request, change)
		with data.acl as document.acl
		with data.policy_version as document.policy_version
		with data.latchgate.allowlist as object.get(extra, "allowlist", {})
		with data.latchgate.require_approval as object.get(extra, "require_approval", {})
		with data.latchgate.quorum as object.get(extra, "quorum", {})
}

denied(change, reason) if {
	outcome(change, {}) == {"allow": false, "deny_reason": reason, "policy_version": "team-12"}
}

denied_as(change, code, reason) if {
	outcome(change, {}) == {"allow": false, "deny_code": code, "deny_reason": reason, "policy_version": "team-12"}
}

codes(change, extra) := [reason.code | some reason in outcome(change, extra).approval.reasons]

bypass := {"allowlist": {"http_post": {"agent:billing": true}}}

# Row 1

test_a_module_with_another_digest_is_denied if {
	verdict := {"digest_mismatch": {"expected": "sha256:aa", "actual": "sha256:bb"}}
	denied({"action_trust_verdict": verdict}, "untrusted action: digest verification failed")
}

test_an_unregistered_module_is_denied if {
	denied({"action_trust_verdict": "not_registered"}, "untrusted action: digest verification failed")
}

# Row 2

test_an_action_that_is_not_listed_is_denied if {
	denied_as({"action_id": "rm"}, "action_not_granted", "principal 'agent:billing' is not authorised for action 'rm'")
}

test_a_named_entry_shadows_the_wildcard if {
	denied_as(
		{"action_id": "http_fetch", "requested_sinks": ["http_read"]},
		"action_not_granted",
		"principal 'agent:billing' is not authorised for action 'http_fetch'",
	)
}

test_an_entry_with_an_empty_list_is_still_an_entry if {
	denied_as(
		{"principal": "agent:revoked", "action_id": "http_fetch", "requested_sinks": ["http_read"]},
		"action_not_granted",
		"principal 'agent:revoked' is not authorised for action 'http_fetch'",
	)
}

# Row 3

test_the_scope_tools_call_is_needed if {
	denied(
		{"scopes": ["audit:read", "x"]},
		concat("", [
			"scope 'tools:call' is required for action execution but is absent from lease scopes: ",
			"[\"audit:read\", \"x\"]",
		]),
	)
}

test_every_required_scope_is_needed if {
	denied(
		{"scopes": ["tools:call", "a"], "required_scopes": ["tools:call", "z", "b", "z"]},
		concat("", [
			"lease is missing required scope(s) for action 'http_post': ",
			"required=[\"tools:call\", \"z\", \"b\", \"z\"], present=[\"tools:call\", \"a\"], ",
			"missing={\"b\", \"z\"}",
		]),
	)
}

# Row 4

test_an_exhausted_budget_is_denied if {
	denied_as({"budgets_before": {"calls_remaining": 0}}, "budget_exhausted", "budget exhausted: no calls remaining")
	denied_as({"budgets_before": {"calls_remaining": -1}}, "budget_exhausted", "budget exhausted: no calls remaining")
}

# Row 5

test_a_sink_that_is_not_permitted_is_denied if {
	denied(
		{"requested_sinks": ["smtp", "http_write", "http_delete", "smtp"]},
		"disallowed sink(s): {\"http_delete\", \"smtp\"}",
	)
}

# Row 5b, mended

test_the_bypass_waives_the_reason_risk if {
	every level in ["high", "critical"] {
		result := outcome({"action_risk_level": level}, bypass)
		result.allow
		not result.requires_approval
	}
}

test_the_bypass_waives_no_other_reason if {
	change := {"action_risk_level": "high", "unresolved_domains": ["new.example.net"]}
	codes(change, bypass) == ["unresolved_domain"]
	outcome(change, bypass).requires_approval
}

test_the_bypass_of_false_is_none if {
	extra := {"allowlist": {"http_post": {"agent:billing": false}}}
	codes({"action_risk_level": "high"}, extra) == ["risk"]
}

test_the_bypass_never_grants if {
	every change in [
		{"action_trust_verdict": "not_registered"},
		{"principal": "agent:revoked"},
		{"scopes": []},
		{"required_scopes": ["more"]},
		{"budgets_before": {"calls_remaining": 0}},
		{"requested_sinks": ["smtp"]},
	] {
		extra := {"allowlist": {"http_post": {"agent:billing": true, "agent:revoked": true}}}
		not outcome(change, extra).allow
	}
}

# Row 6

test_high_and_critical_risk_need_approval if {
	every level in ["high", "critical"] {
		result := outcome({"action_risk_level": level}, {})
		result.allow
		result.requires_approval
		result.approval == {
			"required": true,
			"reasons": [{"code": "risk", "detail": concat("", ["the action's risk level is ", level])}],
			"quorum": {"min": 1, "distinct_from_requester": true},
		}
	}
}

test_sensitive_paths_need_approval if {
	every path in [
		".env", "app/.env", "my.app/.env", "/home/u/.config/.env", "APP/.ENV", "x/.env/",
		".env.local", "a/.env.local", "a/.env.a.b",
		"secrets/x", "a/secrets/key", "a/secrets/key.pem", "a/secrets/b/c",
		".ssh/id", "x/.ssh/id_rsa.pub", "x/./.ssh//id",
		".aws/credentials", "v1.2/.aws/credentials", "u/.aws//credentials",
	] {
		codes({"action_category": "fs", "fs_path": path}, {}) == ["sensitive_path"]
	}
}

test_ordinary_paths_need_none if {
	every path in [
		"a/env", ".environment", "a/.envrc", "secrets", "a/secrets", ".ssh", "my-secrets/x",
		"aws/credentials", ".aws/config", "credentials", ".aws/credentials/x", "",
	] {
		codes({"action_category": "fs", "fs_path": path}, {}) == []
	}
}

test_a_path_outside_the_category_is_not_looked_at if {
	codes({"fs_path": ".env"}, {}) == []
}

test_unresolved_paths_and_domains_need_approval_and_are_named if {
	change := {"unresolved_paths": ["a/b"], "unresolved_domains": ["x.example", "y.example"]}
	outcome(change, {}).approval.reasons == [
		{"code": "unresolved_path", "detail": "'a/b' is not among the allowed paths"},
		{"code": "unresolved_domain", "detail": "'x.example' is not on the allow list"},
		{"code": "unresolved_domain", "detail": "'y.example' is not on the allow list"},
	]
}

test_a_rule_of_the_document_needs_approval if {
	every who in ["*", "agent:billing"] {
		extra := {"require_approval": {"http_post": {who: true}}}
		detail := concat("", ["latchgate.require_approval.http_post.", who, " is set"])
		outcome({}, extra).approval.reasons == [{"code": "rule", "detail": detail}]
	}
	codes({}, {"require_approval": {"http_post": {"agent:other": true}}}) == []
	codes({}, {"require_approval": {"http_fetch": {"*": true}}}) == []
}

test_an_approved_call_is_no_longer_held if {
	change := {"action_risk_level": "critical", "unresolved_domains": ["x.example"], "approved": true}
	result := outcome(change, {"require_approval": {"http_post": {"*": true}}})
	result.allow
	not result.requires_approval
	not result.approval.required
	count(result.approval.reasons) == 3
}

test_an_approval_does_not_overrule_a_denial if {
	not outcome({"approved": true, "principal": "agent:revoked"}, bypass).allow
}

test_approved_must_be_the_boolean_true if {
	every value in ["true", 1, {}, null] {
		outcome({"approved": value, "action_risk_level": "high"}, {}).requires_approval
	}
}

# Quorum

least(quorum) := outcome({"action_risk_level": "high"}, {"quorum": quorum}).approval.quorum.min

test_one_approval_is_enough_without_a_quorum if {
	least({}) == 1
	least({"http_fetch": {"*": 3}}) == 1
	least({"http_post": {"agent:other": 3}}) == 1
}

test_a_quorum_matches_an_action_and_a_principal_or_everything if {
	every action in ["*", "http_post"] {
		every who in ["*", "agent:billing"] {
			least({action: {who: 3}}) == 3
		}
	}
}

test_the_largest_quorum_that_matches_counts if {
	least({"*": {"*": 2}, "http_post": {"*": 3, "agent:billing": 1}}) == 3
	least({"*": {"agent:billing": 5}, "http_post": {"*": 2}}) == 5
	least({"http_post": {"*": 2, "agent:other": 4}}) == 2
}

test_a_quorum_needs_no_approval_by_itself if {
	result := outcome({}, {"quorum": {"http_post": {"*": 3}}})
	result.allow
	not result.requires_approval
	not result.approval.required
}

test_a_quorum_that_is_no_number_is_never_taken_for_one if {
	least({"http_post": {"*": "1"}}) == "1"
}

# Row 7

test_low_and_medium_risk_are_allowed_without_approval if {
	every level in ["low", "medium"] {
		outcome({"action_risk_level": level}, {}) == {
			"allow": true,
			"requires_approval": false,
			"approval": {
				"required": false,
				"reasons": [],
				"quorum": {"min": 1, "distinct_from_requester": true},
			},
			"budgets_after": {"calls_remaining": 11},
			"allowed_sinks": ["http_write"],
			"approved_secrets": ["API_TOKEN"],
			"approved_egress": {"proxy_allowlist": {"allowed_domains": ["api.example.com"]}},
			"policy_version": "team-12",
		}
	}
}

test_an_entry_that_inherits_has_the_wildcard_too if {
	outcome({"principal": "agent:heir", "action_id": "http_fetch", "requested_sinks": ["http_read"]}, {}).allow
	outcome({"principal": "agent:heir", "requested_sinks": ["http_read", "http_write"]}, {}).allow
}

test_a_principal_without_an_entry_has_the_wildcard if {
	change := {"principal": "agent:new", "requested_sinks": ["http_read"]}
	outcome(object.union(change, {"action_id": "http_fetch"}), {}).allow
	not outcome(object.union(change, {"action_id": "http_post"}), {}).allow
}

# Fallback

fallback := "no matching allow rule"

test_inheritance_that_is_not_a_boolean_allows_nothing if {
	denied({"principal": "agent:odd"}, fallback)
}

test_an_entry_without_sinks_is_denied if {
	denied({"principal": "agent:broken", "requested_sinks": []}, fallback)
}

test_a_document_without_a_version_allows_nothing if {
	result := latchgate.decision with input as request with data.acl as document.acl
	result == {"allow": false, "deny_reason": fallback}
}

test_an_empty_input_is_denied if {
	result := latchgate.decision with input as {}
		with data.acl as document.acl
		with data.policy_version as document.policy_version
	result == {"allow": false, "deny_reason": fallback, "policy_version": "team-12"}
}

test_a_missing_member_is_never_a_permission if {
	every member in [
		"principal", "scopes", "required_scopes", "action_id", "action_risk_level",
		"action_trust_verdict", "requested_sinks", "requested_secrets", "egress_profile",
		"budgets_before",
	] {
		result := latchgate.decision with input as object.remove(request, [member])
			with data.acl as {"*": document.acl["agent:billing"]}
			with data.policy_version as document.policy_version
		not result.allow
	}
}

test_a_budget_that_is_not_a_number_is_denied if {
	denied({"budgets_before": {"calls_remaining": "12"}}, fallback)
}

# Precedence: with every row violated, and then the lowest of them put right one after the other.

test_the_lowest_row_is_reported if {
	wrong := {
		"action_trust_verdict": "not_registered",
		"principal": "agent:revoked",
		"scopes": ["other"],
		"required_scopes": ["more"],
		"budgets_before": {"calls_remaining": 0},
		"requested_sinks": ["smtp"],
		"action_risk_level": "critical",
	}
	steps := [
		[[], "untrusted action"],
		[["action_trust_verdict"], "principal 'agent:revoked' is not authorised"],
		[["action_trust_verdict", "principal"], "scope 'tools:call' is required"],
	]
	every step in steps {
		startswith(outcome(object.remove(wrong, step[0]), {}).deny_reason, step[1])
	}
	three := object.union(object.remove(wrong, ["action_trust_verdict", "principal"]), {"scopes": ["tools:call"]})
	startswith(outcome(three, {}).deny_reason, "lease is missing required scope(s)")
	four := object.remove(three, ["required_scopes"])
	startswith(outcome(four, {}).deny_reason, "budget exhausted")
	five := object.remove(four, ["budgets_before"])
	startswith(outcome(five, {}).deny_reason, "disallowed sink(s)")
	outcome(object.remove(five, ["requested_sinks"]), {}).requires_approval
}
