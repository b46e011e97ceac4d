# Administrators run the node: operations, metrics, clients and how far the logs are anchored;
# no clinical data, and no access log.
package aceso.access

administrator := deny("guest-not-allowed") if not own

else := deny("purpose-not-allowed") if purpose in {"break-glass", "marketing", "research", "unknown"}

else := authorized if authorizing

else := permit("deputy", "none", {}) if deputising

else := deny("scope-missing") if {
	administration
	not operable
}

else := permit("administration", "none", {}) if administration

else := deny("interaction-not-allowed") if not clinical

else := deny("type-not-allowed")

administration if input.interaction in {"client-read", "client-write", "ledger", "metrics", "operations"}
