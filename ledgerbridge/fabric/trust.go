package fabric

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// A trust folder is handed to a verifier without network, by a trusted way: plain files
// that people can read and compare.
//
//	channel.json        channel, chaincode, and how many orderers sign a block
//	keys.txt            keys of logs, one a line; every other *.key file counts, too
//	organizations/MSP.pem
//	orderers/MSP.pem    certificate authorities
const (
	channelFile   = "channel.json"
	keysFile      = "keys.txt"
	memberFolder  = "organizations"
	ordererFolder = "orderers"
)

// channelTrust is the content of channel.json.
type channelTrust struct {
	Channel              string `json:"channel"`
	Chaincode            string `json:"chaincode"`
	OrdererSignatures    int    `json:"orderer_signatures"`
	OrdererOrganizations int    `json:"orderer_organizations"`
}

// ReadTrust reads a trust folder: whom to trust, and the keys of logs. It trusts nothing
// that is not there.
func ReadTrust(dir string) (*Trust, []string, error) {
	t := new(Trust)
	keys, err := readKeys(dir)
	err = errors.Join(err,
		t.readChannel(filepath.Join(dir, channelFile)),
		t.Organizations.readFolder(filepath.Join(dir, memberFolder)),
		t.Orderers.readFolder(filepath.Join(dir, ordererFolder)),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("read trust: %w", err)
	}
	return t, keys, nil
}

func (t *Trust) readChannel(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c channelTrust
	if err == nil {
		err = decodeWhole(data, &c)
	}
	if err == nil && (c.OrdererSignatures < 0 || c.OrdererOrganizations < 0) {
		err = errors.New("a number of orderers is negative")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.Channel, t.Chaincode, t.Quorum = c.Channel, c.Chaincode, Quorum{c.OrdererSignatures, c.OrdererOrganizations}
	return nil
}

func (a *Authorities) readFolder(dir string) error {
	files, err := filesIn(dir, ".pem")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil {
			err = a.Add(strings.TrimSuffix(filepath.Base(f), ".pem"), string(text))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return err
}

// filesIn lists the files of a folder whose names end so; none if there is no folder. An
// unreadable folder is an error: its members would silently not count.
func filesIn(dir, end string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), end) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, err
}

// readKeys reads every line that is neither empty nor a comment (#).
func readKeys(dir string) (keys []string, err error) {
	files, err := filesIn(dir, ".key")
	for _, f := range append(files, filepath.Join(dir, keysFile)) {
		text, err := os.ReadFile(f)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				keys = append(keys, line)
			}
		}
	}
	return keys, err
}

// Keys returns the keys of all logs of the channel, each with the sizes for which it
// counts, in the form of ledgerbridge.ParseKeys. Keys of forked logs, which it names,
// count only up to the last anchor: what was anchored stays proven, and other checkpoints
// of such a log prove nothing.
func (c *Channel) Keys(ctx context.Context) (keys, forked []string, err error) {
	sources, err := c.Sources(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range sources {
		until := int64(0)
		if s.Fork != nil {
			h, err := c.Head(ctx, s.Origin)
			if err != nil {
				return nil, nil, err
			}
			forked, until = append(forked, s.Origin), h.Size+1
		}
		keys = append(keys, keyTexts(s.Keys, until)...)
	}
	return keys, forked, nil
}

// keyTexts writes a source's keys for sizes below until; 0 means no limit.
func keyTexts(keys []chaincode.Key, until int64) (texts []string) {
	for _, k := range keys {
		if until != 0 && (k.Until == 0 || k.Until > until) {
			k.Until = until
		}
		if k.Until == 0 || k.Until > max(1, k.From) { // others never counted
			texts = append(texts, keyText(k))
		}
	}
	return texts
}

// keyText writes a key of the contract with the sizes for which it counts, both included.
func keyText(k chaincode.Key) string {
	switch {
	case k.Until != 0:
		return fmt.Sprintf("%s@%d-%d", k.Verifier, k.From, k.Until-1)
	case k.From != 0:
		return fmt.Sprintf("%s@%d-", k.Verifier, k.From)
	}
	return k.Verifier
}

// WriteTrust writes a new trust folder from a profile: its channel and authorities, and
// the given keys of logs.
func (p *Profile) WriteTrust(dir string, keys []string, quorum Quorum) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write trust: %s exists: give the name of a new folder", dir)
	}
	if err != nil {
		return fmt.Errorf("write trust: %w", err)
	}
	channel, err := json.MarshalIndent(channelTrust{p.Channel, p.Chaincode, quorum.Signatures, quorum.Organizations}, "", "  ")
	if err != nil {
		return err
	}
	failed := errors.Join(
		os.WriteFile(filepath.Join(dir, channelFile), append(channel, '\n'), 0o644),
		os.WriteFile(filepath.Join(dir, keysFile), []byte(strings.Join(append(keys, ""), "\n")), 0o644),
		writeAuthorities(filepath.Join(dir, memberFolder), p.Organizations),
		writeAuthorities(filepath.Join(dir, ordererFolder), p.Orderers),
	)
	if failed != nil {
		return fmt.Errorf("write trust: %w", failed)
	}
	return nil
}

func writeAuthorities(dir string, list []Organization) error {
	failed := os.Mkdir(dir, 0o755)
	for _, o := range list {
		if filepath.Base(o.MSP) != o.MSP || strings.HasPrefix(o.MSP, ".") {
			return fmt.Errorf("%q cannot be the name of a file", o.MSP)
		}
		failed = errors.Join(failed, os.WriteFile(filepath.Join(dir, o.MSP+".pem"), []byte(o.Roots), 0o644))
	}
	return failed
}

// Trust returns the members that a profile names.
func (p *Profile) Trust() (*Trust, error) {
	t := &Trust{Channel: p.Channel, Chaincode: p.Chaincode}
	for _, o := range p.Organizations {
		if err := t.Organizations.Add(o.MSP, o.Roots); err != nil {
			return nil, err
		}
	}
	for _, o := range p.Orderers {
		if err := t.Orderers.Add(o.MSP, o.Roots); err != nil {
			return nil, err
		}
	}
	return t, nil
}
