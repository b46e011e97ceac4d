package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// settings are the flags of all commands: one environment may serve several.
func settings() []string {
	return []string{
		"address", "all", "allow-private", "anchor-age", "anchor-most", "anchor-read-only", "anchor-warn", "backend", "base-url",
		"batch-timeout", "bft", "bin", "chaincode", "channel", "client", "client-ca", "contact", "cors", "coverage", "data", "demo",
		"dir", "expires", "id", "insecure-listen", "introspects", "issuers", "jwks", "jwks-uri", "key", "kind", "launch",
		"ledger", "listen", "logo", "master-key-file", "name", "node", "orderer-root", "orderer-signatures", "orderers", "org",
		"org-names", "org-root", "orgs", "out", "patient", "policies", "profile", "proof", "purpose", "random", "rate", "reason",
		"receipt", "redirect", "repair", "role", "sample", "scope", "scrub", "server", "sign-in", "state", "store",
		"subject", "tls-cert", "tls-key", "token", "trust", "trust-proxy", "v", "validate", "w", "witness", "workers",
	}
}

// warnOfEnvironment names variables that look like settings and are none: a misspelled one
// must not go unnoticed. It refuses nothing, because others set such variables, too
// (Kubernetes does for a service of this name).
func warnOfEnvironment(f *flag.FlagSet) {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "ACESO_") && !setting(name) {
			fmt.Fprintf(f.Output(), "aceso %s: warning: %s is in the environment, but no command has such a flag\n", f.Name(), name)
		}
	}
}

// setting says whether a variable is one: a flag's, the master key, or one of the
// project's own tests and benchmarks.
func setting(name string) bool {
	for _, others := range []string{"ACESO_TEST_", "ACESO_BENCH_", "ACESO_SERVICE_", "ACESO_PORT"} {
		if strings.HasPrefix(name, others) {
			return true
		}
	}
	return slices.Contains([]string{"ACESO_MASTER_KEY", "ACESO_MUTANTS", "ACESO_SCREENSHOTS"}, name) ||
		slices.ContainsFunc(settings(), func(flag string) bool { return variable(flag) == name })
}
