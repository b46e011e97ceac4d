package certificate_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/certificate"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

const source = "clinic/n1/changes.0"

func vkey(t *testing.T, name string) string {
	t.Helper()
	text, err := ledgerbridge.VerifierKey(source, logtest.Key(name).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func keys(t *testing.T, text string) ledgerbridge.Keys {
	t.Helper()
	all, err := ledgerbridge.ParseKeys([]string{text})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// record appends records to a log.
func record(t *testing.T, log *logtest.Log, n int) {
	t.Helper()
	secret := ledgerbridge.Secret{ID: "s", Key: make([]byte, 32)}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{Organization: "clinic", Node: "n1", Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret}, Parts: new(logtest.Keys)})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		p, err := sealer.Prepare(t.Context(), ledgerbridge.Draft{Action: "D", Interaction: "purge", Agent: "a", Decision: "permit", Outcome: 200})
		if err == nil {
			_, err = log.Append(p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A certificate verifies with the key of its log alone. Another key, a record that the log
// does not hold, one that the text does not name, and a key whose time was over are refused.
func TestCertificatesProveWhatTheyName(t *testing.T) {
	log := logtest.New(source)
	signer, err := ledgerbridge.NewSigner(source, logtest.Key("log"))
	if err != nil {
		t.Fatal(err)
	}
	record(t, log, 7)
	j, err := ledgerbridge.OpenJournal(t.Context(), ledgerbridge.JournalConfig{Log: log, Ledger: new(logtest.Ledger), Signer: signer, Keys: keys(t, vkey(t, "log"))})
	if err != nil {
		t.Fatal(err)
	}
	certify := func(text string, receipts ...string) []byte {
		t.Helper()
		cert, err := certificate.Make(t.Context(), j, signer, text, receipts)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(cert)
	}
	var receipts []string
	err = log.Rows(t.Context(), 0, 7, func(row ledgerbridge.Row) error {
		receipts = append(receipts, row.Receipt(source).String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text := "a removal\n" + strings.Join(receipts, " ") + "\n"
	c, err := certificate.Verify(certify(text, receipts...), keys(t, vkey(t, "log")))
	if err != nil || c.Proved != 7 || c.Size != 7 || c.Source != source || c.Text+"\n" != text {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := certificate.Verify(certify(text), keys(t, vkey(t, "log"))); err != nil || c.Proved != 0 || c.Text+"\n" != text {
		t.Errorf("without records: %+v %v", c, err)
	}
	last := receipts[6][:len(receipts[6])-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(receipts[6], "0")]
	if last == receipts[6] {
		t.Fatal("nothing was changed")
	}
	for what, try := range map[string]struct {
		cert []byte
		key  string
	}{
		"another key":                    {certify(text, receipts...), vkey(t, "other")},
		"a record that is not there":     {certify(text+last+"\n", last), vkey(t, "log")},
		"a record that it does not name": {certify("a removal\n", receipts[0]), vkey(t, "log")},
		"a key of earlier":               {certify(text, receipts...), vkey(t, "log") + "@0-6"},
		"a key of earlier, no proofs":    {certify(text), vkey(t, "log") + "@0-6"},
		"twice signed":                   {append(certify(text), certify(text)[len(text)+1:]...), vkey(t, "log")},
	} {
		if c, err := certificate.Verify(try.cert, keys(t, try.key)); err == nil {
			t.Errorf("%s: %+v", what, c)
		}
	}
}
