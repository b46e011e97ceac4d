// Package oauth is the authorization server of SMART App Launch 2.2.0: clients, checked
// authorization requests, codes, tokens, grants, launches, introspection, revocation and
// registration.
//
// It does not speak HTTP (package server does), does not sign users in or ask them (the
// pages do), does not decide what a role may do (the policy is asked when Keeper.Commit
// records), and keeps nothing itself: everything is a row of a Keeper, secrets only as
// their SHA-256.
package oauth
