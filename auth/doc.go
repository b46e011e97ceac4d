// Package auth turns a bearer token into an agent.Agent: it verifies JSON Web
// Tokens of the built-in issuer and of configured external issuers, and reads
// SMART on FHIR scopes and the IHE IUA claims from them.
//
// It does not decide what an agent may do (policy does), it does not keep keys
// or sessions, it fetches nothing but the keys of issuers that publish them (package
// jwks), never from a place that a token names, and it accepts a token in the
// Authorization header only. Symmetric algorithms are not supported: a key
// that verifies can never be one that signs.
package auth
