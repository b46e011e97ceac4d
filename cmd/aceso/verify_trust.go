package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// trustOptions are the flags that name whom to trust on a network. They become verifier,
// which is nil if they name nobody.
type trustOptions struct {
	folder                  string
	organizations, orderers list
	channel, chaincode      string
	signatures              int
	verifier                ledgerbridge.AnchorVerifier
}

func (o *trustOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.folder, "trust", "", "record, certificate, checkpoint: `folder` with trusted keys and roots, as `aceso verify trust` writes it")
	f.Var(&o.organizations, "org-root", "record: `MSP=file`, root certificates (PEM) of an organisation of the channel; may be repeated")
	f.Var(&o.orderers, "orderer-root", "record: `MSP=file`, root certificates (PEM) of an organisation that orders blocks; may be repeated")
	f.StringVar(&o.channel, "channel", "", "record: the `channel` that counts; without it, any")
	f.StringVar(&o.chaincode, "chaincode", "", "record: the `chaincode` that counts; without it, any")
	f.IntVar(&o.signatures, "orderer-signatures", 0, "record: `number` of orderers that must have signed the block (default 1, or what the trust folder says)")
}

// readTrust collects whom to trust, and adds the keys of a folder to those of --key.
func (v *verification) readTrust() error {
	o, trust := &v.network, new(fabric.Trust)
	if o.folder != "" {
		if _, err := os.Stat(o.folder); err != nil {
			return err
		}
		found, keys, err := fabric.ReadTrust(o.folder)
		if err != nil {
			return err
		}
		trust = found
		v.keys = append(v.keys, keys...)
	}
	if err := o.complete(trust); err != nil {
		return err
	}
	if trust.Organizations.Any() || trust.Orderers.Any() || trust.Channel != "" { // a record must be on a ledger
		o.verifier = trust
	}
	return nil
}

// complete adds the flags, which win over the folder.
func (o *trustOptions) complete(trust *fabric.Trust) error {
	trust.Channel, trust.Chaincode = cmp.Or(o.channel, trust.Channel), cmp.Or(o.chaincode, trust.Chaincode)
	if o.signatures > 0 {
		trust.Quorum.Signatures = o.signatures
	}
	if err := addRoots("org-root", &trust.Organizations, o.organizations); err != nil {
		return err
	}
	return addRoots("orderer-root", &trust.Orderers, o.orderers)
}

func addRoots(name string, a *fabric.Authorities, values list) error {
	for _, value := range values {
		msp, file, ok := strings.Cut(value, "=")
		if !ok {
			return fmt.Errorf("--%s %q is not of the form MSP=file", name, value)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := a.Add(msp, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// writeTrust makes the folder for a verifier: an organisation's profile names the
// members, its peer the keys of the logs.
func (v *verification) writeTrust() int {
	if v.profile == "" || v.out == "" {
		return v.unchecked(errors.New("give the connection profile with --profile and the folder to make with --out"))
	}
	p, err := fabric.ReadProfile(v.profile)
	if err != nil {
		return v.unchecked(err)
	}
	c, err := fabric.Open(p, time.Now())
	if err != nil {
		return v.unchecked(err)
	}
	defer c.Close()
	ctx := context.Background()
	keys, forked, err := c.Keys(ctx)
	if err != nil {
		return v.unchecked(err)
	}
	for _, source := range forked {
		fmt.Fprintf(v.stderr, "%s is marked as forked: its keys count for what is anchored, and no further\n", source)
	}
	quorum, err := c.Quorum(ctx)
	if err != nil {
		return v.unchecked(err)
	}
	if err := p.WriteTrust(v.out, keys, quorum); err != nil {
		return v.unchecked(err)
	}
	fmt.Fprintf(v.stdout, "%s: channel %s, %d organisations, %d keys of logs\n", v.out, p.Channel, len(p.Organizations), len(keys))
	return exitWhole
}
