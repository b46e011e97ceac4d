package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node"
)

const keysArguments = "rotate USE"

// keysCommand adds keys to a keyring: that of a data folder, or the one that the nodes
// of a database share.
func keysCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("keys", keysArguments, stderr)
	path := f.String("data", defaultData, "data `folder`; its server may be running")
	var database node.Database
	databaseFlags(f, &database)
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) != 2 || rest[0] != "rotate" {
		return misuse(stderr, "keys", "usage: aceso keys %s, where USE is one of %s", keysArguments, strings.Join(rotatable(), ", "))
	}
	use := keyring.Use(rest[1])
	id, err := node.RotateKey(context.Background(), node.Folder(*path), database, use)
	if err != nil {
		return fail(stderr, "keys", err)
	}
	fmt.Fprintf(stdout, "%s: %s\n%s\n", id, afterRotation[use], restart(use, database.URI != ""))
	return exitOK
}

// rotatable lists the uses whose key can be followed by another one.
func rotatable() (uses []string) {
	for _, u := range keyring.Uses() {
		if u.Rotates() {
			uses = append(uses, string(u))
		}
	}
	return uses
}

// afterRotation says what the new key of each use does, and what the old ones still do.
var afterRotation = map[keyring.Use]string{
	keyring.Issuer:   "signs access tokens from the next start on. Tokens signed with older keys stay valid until they expire",
	keyring.IDTokens: "signs id_tokens from the next start on. Apps find it with the older ones, which still verify theirs, at the jwks_uri",
	keyring.Log:      "signs checkpoints from the next start on. Older keys still verify theirs. Give verifiers the new one: `aceso verify keys` prints it",
	keyring.Links:    "seals paging links from the next start on. Older keys still open theirs",
	keyring.Requests: "seals the request part of new records from the next start on. Older keys still open theirs",
	keyring.Parts:    "wraps the keys of patients' parts that are made from the next start on. Older keys still open theirs",
}

// restart says who has to learn of the new key.
func restart(use keyring.Use, isShared bool) string {
	switch {
	case isShared && use == keyring.Log:
		return "Restart this node; the others read the key when they need it."
	case isShared:
		return "Stop all nodes of the database, then start them: one that still runs does not know the key, and opens or accepts nothing made with it."
	case use == keyring.Issuer:
		return "If the server is running, restart it: until then it refuses what `aceso token` prints, which is signed with the new key."
	}
	return "If the server is running, restart it: until then it works with the older keys."
}
