// Package session lets people sign in with a browser: local users with passwords, for
// trials; users of an upstream OpenID provider, for work; and the sessions of both.
//
// A session is a random cookie of which the server keeps a hash. It ends when it was not
// used for a while, at the latest after a working day, and it gets a new id whenever
// somebody signs in.
//
// The package does not speak HTTP to browsers (package server does), does not decide
// what somebody may do (the gate does), and keeps nothing itself but the recent failures
// that slow down guessing: what lasts is kept by a Keeper, together with its record.
package session
