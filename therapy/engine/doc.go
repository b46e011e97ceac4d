// Package engine decides each step of a therapy: Apply is one function of (definition,
// register, state, event) to (state, outcome). The server and the contract of a channel run
// the same code, so it is deterministic: it has no clock, no randomness, no floating point,
// and nothing that it answers has the order of a map.
//
// It blocks progress, never recording: what was attempted and is not right is recorded with
// a verdict, an alarm that has an owner and, where the cells are in doubt, a hold.
//
// It does not store, send, sign, speak HTTP, know FHIR or read sensors, and it imports
// nothing of ours but package canonical, which has no imports of ours itself: events are
// hashed here, in the one form of RFC 8785, because a hash that a caller supplied would be a
// claim. Signatures are checked here for the same reason: Apply takes a Signed, which only
// Register.Verify makes.
package engine
