# What the authorization server does for somebody: sign-in, what a person lets an app
# do, tokens. It needs no scope: there is no token yet. What a token may do is decided
# when it is used.
package aceso.access

authorizing if {
	input.interaction in {
		"authorize", "token", "refresh", "revoke", "introspect", "launch", "sign-in", "sign-out", "grant-read",
	}
}

# Apps register with a token that an operator made for that.
authorizing if {
	input.interaction == "register"
	input.agent.role == "system"
	own
}

# authorized: for purposes that somebody may act for at all.
authorized := deny("purpose-not-allowed") if purpose in {"break-glass", "marketing", "unknown"}

else := permit("authorization", "none", {})
