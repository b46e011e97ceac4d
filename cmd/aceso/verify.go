package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/aceso-health/aceso/ledgerbridge"
	certificates "github.com/aceso-health/aceso/ledgerbridge/certificate"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/purge"
)

// Exit codes of verify.
const (
	exitWhole     = 0 // everything fits
	exitTampered  = 1 // something was changed
	exitUnchecked = 2 // something could not be checked
)

// defaultData is the data folder of a node without --data.
const defaultData = "aceso-data"

const verifyArguments = "record FILE | certificate FILE | checkpoint FILE | consistency [EARLIER] [LATER] | log | keys | ledger | trust"

// list collects the values of a repeated flag.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

// Set adds one value.
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// verification is one run of the command.
type verification struct {
	stdout, stderr io.Writer
	data, witness  string
	keys, receipts list
	network        trustOptions
	database       node.Database
	profile, out   string
	proof          string
	all            bool
}

// verifyCommand checks what others claim. It trusts only the keys that it is given;
// record and checkpoint need neither network nor database.
func verifyCommand(args []string, stdout, stderr io.Writer) int {
	v := verification{stdout: stdout, stderr: stderr}
	f := newFlags("verify", verifyArguments, stderr)
	v.flags(f)
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) == 0 {
		return misuse(stderr, "verify", "usage: aceso verify %s", verifyArguments)
	}
	what, files := rest[0], rest[1:]
	switch {
	case what == "record" && len(files) == 1:
		return v.file(files[0], v.record)
	case what == "checkpoint" && len(files) == 1:
		return v.file(files[0], v.checkpoint)
	case what == "certificate" && len(files) == 1:
		return v.file(files[0], v.certificate)
	case what == "consistency":
		return v.consistency(files)
	case what == "log" && len(files) == 0:
		return v.log()
	case what == "keys" && len(files) == 0:
		return v.printKeys()
	case what == "ledger" && len(files) == 0:
		return v.ledger()
	case what == "trust" && len(files) == 0:
		return v.writeTrust()
	}
	return misuse(stderr, "verify", "usage: aceso verify %s", verifyArguments)
}

func (v *verification) flags(f *flag.FlagSet) {
	f.Var(&v.keys, "key", "record, certificate, checkpoint, consistency: a trusted `key` as `aceso verify keys` prints it; may be repeated")
	f.Var(&v.receipts, "receipt", "record, consistency, log: an X-Aceso-Record `value` that a client kept; may be repeated with log")
	f.StringVar(&v.data, "data", defaultData, "consistency, log, keys, ledger: data `folder`")
	f.StringVar(&v.witness, "witness", "", "log, ledger: where copies of the checkpoints went (`file` or folder)")
	f.StringVar(&v.profile, "profile", "", "ledger, trust: connection profile `file` of an organisation")
	f.StringVar(&v.out, "out", "", "trust: `folder` to make; consistency: file for the proof")
	f.StringVar(&v.proof, "proof", "", "consistency: `file` with the proof, instead of the log")
	f.BoolVar(&v.all, "all", false, "log, ledger: check everything, not only what is new since the check before")
	v.network.flags(f)
	databaseFlags(f, &v.database)
}

// file runs a check on a file's content; "-" is standard input.
func (v *verification) file(name string, check func([]byte) int) int {
	if err := v.readTrust(); err != nil {
		return v.unchecked(err)
	}
	if len(v.keys) == 0 {
		return v.unchecked(errors.New("give the keys that you trust with --key or --trust"))
	}
	data, err := readFileOrStdin(name)
	if err != nil {
		return v.unchecked(err)
	}
	return check(data)
}

// maxBundle bounds what is read: a proof has at most 32 MB of a block, and the parts of
// one record.
const maxBundle = 128 << 20

func readFileOrStdin(name string) ([]byte, error) {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
		defer f.Close()
	}
	tooLarge := fmt.Errorf("%s has more than %d MB: it is no proof", name, maxBundle>>20)
	if info, err := f.Stat(); err == nil && info.Size() > maxBundle {
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	if err == nil && len(data) > maxBundle {
		err = tooLarge
	}
	return data, err
}

// record verifies the answer of AuditEvent/{id}/$proof.
func (v *verification) record(data []byte) int {
	result, err := ledgerbridge.VerifyRecord(data, v.keys, v.network.verifier)
	switch result.Verdict {
	case ledgerbridge.OK:
	case ledgerbridge.Tampered:
		return v.tampered(err)
	default:
		return v.unchecked(err)
	}
	for _, text := range v.receipts {
		receipt, err := ledgerbridge.ParseReceipt(text)
		if err != nil {
			return v.unchecked(err)
		}
		if err := ledgerbridge.VerifyReceipt(receipt, result); err != nil {
			return v.tampered(err)
		}
	}
	e := result.Entry
	fmt.Fprintf(v.stdout, "ok: %s/%d, %s %s of %s, %s %d, in the tree of %d entries",
		e.Source, e.Seq, word(e.Interaction), word(e.Type), e.Time, word(e.Decision), e.Outcome, result.Checkpoint.Size)
	if a := result.Anchor; a != nil {
		fmt.Fprintf(v.stdout, ", anchored on channel %s by transaction %s in block %d %x", word(a.Channel), a.Transaction, a.Block, a.BlockHash)
	}
	fmt.Fprintln(v.stdout)
	return exitWhole
}

// checkpoint verifies the signature of a checkpoint.
func (v *verification) checkpoint(data []byte) int {
	keys, err := ledgerbridge.ParseKeys(v.keys)
	if err != nil {
		return v.unchecked(err)
	}
	c, err := ledgerbridge.VerifyCheckpoint(data, keys)
	if err != nil {
		return v.tampered(err)
	}
	fmt.Fprintf(v.stdout, "ok: %s, %d entries, root %x\n", c.Source, c.Size, c.Root)
	return exitWhole
}

// certificate verifies the signature of the certificate of a removal, and that the log holds
// the records that it proves.
func (v *verification) certificate(data []byte) int {
	keys, err := ledgerbridge.ParseKeys(v.keys)
	if err != nil {
		return v.unchecked(err)
	}
	c, err := certificates.Verify(data, keys)
	if err != nil {
		return v.tampered(err)
	}
	title, says, _ := strings.Cut(c.Text, "\n")
	if title != purge.CertificateTitle {
		return v.unchecked(fmt.Errorf("it is signed by %s, and no certificate of a removal: it begins with %q", c.Source, title))
	}
	fmt.Fprintf(v.stdout, "ok: signed by %s; %d records are proved in its tree of %d entries\n%s\n", c.Source, c.Proved, c.Size, oneLine(says))
	return exitWhole
}

// printKeys prints the public keys that sign this node's checkpoints. Verifiers need
// them over a channel that they trust.
func (v *verification) printKeys() int {
	data, err := node.OpenFolder(v.data)
	if err != nil {
		return v.unchecked(err)
	}
	keys, err := node.LogKeys(context.Background(), data, v.database)
	if err != nil {
		return v.unchecked(err)
	}
	for _, text := range keys {
		fmt.Fprintln(v.stdout, text)
	}
	return exitWhole
}

func (v *verification) tampered(err error) int {
	fmt.Fprintf(v.stderr, "tampered: %s\n", oneLine(err.Error()))
	return exitTampered
}

func (v *verification) unchecked(err error) int {
	fmt.Fprintf(v.stderr, "not checked: %s\n", oneLine(err.Error()))
	return exitUnchecked
}

// oneLine makes text printable that may come from an adversary: it must neither look
// like another line of this command nor move the cursor of a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ReplaceAll(text, "\n", "; "))
}

// word is a code of a record, quoted unless it looks like one: a proven record may still
// hold arbitrary text in it.
func word(text string) string {
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-$._", r)
	}
	if strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}
