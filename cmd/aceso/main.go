// Command aceso is all of Aceso in one binary: the server, and the tools of those who
// run it and of those who verify it.
//
// The package reads flags, makes one call per command and prints the result. It opens
// no store, holds no rules and keeps no state; only the client behind `aceso import`
// lives here.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// Exit codes. verify and store check have codes of their own.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// command is one subcommand.
type command struct {
	name, summary string
	run           func(args []string, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"serve", "run the server (--demo: with a small synthetic hospital)", serveCommand},
		{"token", "print an access token of the built-in issuer", tokenCommand},
		{"client", "add, list, disable and remove the apps and systems of the authorization server", clientCommand},
		{"user", "add, list and remove local users, change their passwords", userCommand},
		{"import", "load bundles and NDJSON files into a running server", importCommand},
		{"verify", "check records, checkpoints or a whole data folder", verifyCommand},
		{"keys", "rotate a key of a keyring", keysCommand},
		{"policy", "test, check and format policies; draft, list and activate those that are kept", policyCommand},
		{"package", "keep the packages whose profiles resources are held against", packageCommand},
		{"chaincode", "serve the contract of a Fabric channel to its peers", chaincodeCommand},
		{"devnet", "run a Fabric network on this machine, for development", devnetCommand},
		{"ledger", "list what a Fabric channel holds of each log, end keys and logs, report a fork", ledgerCommand},
		{"store", "check what is stored, or copy it between folder and database", storeCommand},
		{"erase", "make the records of one patient unreadable for good", eraseCommand},
		{"version", "print the version", versionCommand},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case trialCommand:
		return policyTrial(args[1:], os.Stdin, stdout)
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "aceso: there is no command %q; `aceso help` lists them\n", args[0])
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Aceso is a FHIR server in which every access is decided by policy and leaves a provable record.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  aceso %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`aceso COMMAND --help` shows the flags; each can also be set as ACESO_FLAG_NAME in the environment.\n")
}

func versionCommand(args []string, stdout, stderr io.Writer) int {
	if code, ok := parseAlone(newFlags("version", "", stderr), args); !ok {
		return code
	}
	fmt.Fprintln(stdout, version())
	return exitOK
}

// version is that of the module, with the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v
}
