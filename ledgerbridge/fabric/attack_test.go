package fabric

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// What a member of a channel could try to pass for more than its own word.

// Another certificate for the same key is the same authority.
func TestOneKeyForTwoOrganisations(t *testing.T) {
	clinic := newOrganisation(t, "clinic")
	again := certificate("ca.lab", "")
	again.IsCA, again.BasicConstraintsValid, again.KeyUsage = true, true, x509.KeyUsageCertSign
	lab := issue(t, again, again, &clinic.key.PublicKey, clinic.key)
	var a Authorities
	if err := a.Add("clinic", clinic.roots); err != nil {
		t.Fatal(err)
	}
	if err := a.Add("lab", string(encodePEM(lab))); err == nil {
		t.Error("one key speaks for two organisations, under two names")
	}
}

// Fabric does not know an identity with two roles, so nobody has more than one.
func TestTwoRoles(t *testing.T) {
	s := newScene(t, "log")
	both := s.lab.member("User1", "client", "peer")
	s.answer.endorsers = []*signing{s.peers[0], both}
	if verdict, err := s.verify(s.bundle(), s.trust()); err == nil || verdict != ledgerbridge.Tampered {
		t.Errorf("a client that is also a peer endorses: %s, %v", verdict, err)
	}
}

// Whoever sees a transaction on its way may put something with its id before it, which
// peers find invalid. That must not take its proof from it.
func TestTransactionIDUsedBefore(t *testing.T) {
	s := newScene(t, "log")
	garbage := encode(t, &common.Envelope{Signature: []byte("any"), Payload: encode(t, &common.Payload{Header: &common.Header{
		ChannelHeader: encode(t, &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION), TxId: s.anchor.id()}),
	}})})
	forged := s.anchor
	forged.args = [][]byte{[]byte("Head"), []byte("{}")}
	envelopes := [][]byte{garbage, forged.envelope(t), s.anchor.envelope(t), garbage}
	s.block = newBlock(t, 41, bytes.Repeat([]byte{9}, 32), envelopes, s.orderer)
	if verdict, err := s.verify(s.bundle(), s.trust()); err != nil {
		t.Errorf("%s, %v", verdict, err)
	}
	s.block = newBlock(t, 41, bytes.Repeat([]byte{9}, 32), envelopes[:2], s.orderer)
	if verdict, err := s.verify(s.bundle(), s.trust()); err == nil || verdict != ledgerbridge.Tampered {
		t.Errorf("only others have its id: %s, %v", verdict, err)
	}
}

// Sizes that no log can have are refused, whoever signed them.
func TestSizesOutOfBounds(t *testing.T) {
	s := newScene(t, "log")
	const beyond = provenSize - 1<<59 - 4 // times 32 it is a small number again
	for _, i := range []*invocation{&s.anchor, &s.answer} {
		i.answer = bytes.ReplaceAll(i.answer, []byte(`"oldSize":5`), fmt.Appendf(nil, `"oldSize":%d`, int64(beyond)))
	}
	if verdict, err := s.verify(s.bundle(), s.trust()); err == nil || verdict != ledgerbridge.Tampered {
		t.Errorf("%s, %v", verdict, err)
	}
}

// One organisation has as many orderers as it likes to make: with SmartBFT its word
// is still that of one.
func TestOrderersOfOneOrganisation(t *testing.T) {
	s := newScene(t, "log")
	s.bundle()
	made := map[uint32]*signing{}
	for id := range uint32(3) {
		made[id+1] = s.ordering.member(fmt.Sprintf("orderer%d", id), "orderer")
		s.consenters = append(s.consenters, &common.Consenter{Id: id + 1, MspId: "orderers", Identity: encodePEM(made[id+1].certificate)})
	}
	signSmartBFT(t, s.block, made)
	trust := s.trust()
	trust.Quorum = Quorum{Signatures: 3, Organizations: 3}
	if verdict, err := s.verify(s.bundle(), trust); err == nil || verdict != ledgerbridge.Incomplete || !strings.Contains(err.Error(), "3 organisations") {
		t.Errorf("%s, %v", verdict, err)
	}
	trust.Quorum.Organizations = 1
	if verdict, err := s.verify(s.bundle(), trust); err != nil {
		t.Errorf("where the channel has no more: %s, %v", verdict, err)
	}
}

// One orderer is one, however many certificates it shows: a renewed one, or the twin
// that anybody can make of its certificate.
func TestOneOrdererWithTwoCertificates(t *testing.T) {
	s := newScene(t, "log")
	s.bundle()
	one, two := s.ordering.member("orderer1", "orderer"), s.ordering.member("orderer2", "orderer")
	by := map[uint32]*signing{1: one, 2: two}
	for id, o := range by {
		s.consenters = append(s.consenters, &common.Consenter{Id: id, MspId: "orderers", Identity: encodePEM(o.certificate)})
	}
	signSmartBFT(t, s.block, by)
	trust := s.trust()
	trust.Quorum.Signatures = 2
	good := s.bundle()
	if verdict, err := s.verify(good, trust); err != nil {
		t.Fatalf("%s, %v", verdict, err)
	}
	renewed := issue(t, certificate("orderer1", roleOrderer), s.ordering.ca, &one.key.PublicKey, s.ordering.key)
	for name, again := range map[string][]byte{
		"the same": one.certificate.Raw, "renewed": renewed.Raw, "twin": twinCertificate(t, one.certificate),
	} {
		b := readBundle(t, good)
		blk := &b.evidence.Block
		blk.Signatures = slices.DeleteFunc(blk.Signatures, func(x blockSignature) bool { return !bytes.Equal(x.Certificate, one.certificate.Raw) })
		more := blk.Signatures[0]
		more.Certificate = again
		blk.Signatures = append(blk.Signatures, more)
		if verdict, err := s.verify(b.format(), trust); err == nil {
			t.Errorf("%s: one orderer counts as two: %s", name, verdict)
		}
	}
}

func TestQuorum(t *testing.T) {
	for _, test := range []struct {
		msps []string
		want Quorum
	}{
		{nil, Quorum{1, 1}},
		{[]string{"a", "b", "c", "d"}, Quorum{3, 3}},
		{[]string{"a", "a", "a", "a"}, Quorum{3, 1}},
		{[]string{"a", "b", "a", "c"}, Quorum{3, 2}},
		{[]string{"a", "b", "c", "d", "e", "f", "g"}, Quorum{5, 5}},
	} {
		o := new(ordering)
		for i, msp := range test.msps {
			o.consenters = append(o.consenters, &common.Consenter{Id: uint32(i), MspId: msp})
		}
		if got := o.quorum(); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.msps, got, test.want)
		}
	}
}

// With SmartBFT only the channel's consenters count, not whoever has a certificate of
// an orderer.
func TestBlockSignedByNoConsenter(t *testing.T) {
	s := newScene(t, "log")
	var consenters []*common.Consenter
	for id := range uint32(4) {
		consenters = append(consenters, &common.Consenter{Id: id + 1, MspId: "orderers", Identity: encodePEM(s.ordering.member("o", "orderer").certificate)})
	}
	made := []*signing{s.ordering.member("x", "orderer"), s.ordering.member("y", "orderer"), s.ordering.member("z", "orderer")}
	var said []string
	c := &chain{
		trust: s.trust(), logs: &replay{trust: s.trust(), logs: map[string]*replayed{}}, next: 1, ordering: &ordering{consenters: consenters},
		report: func(_ uint64, _, what string) { said = append(said, what) },
		unsure: func(_ uint64, what string) { said = append(said, what) },
	}
	c.signed(newBlock(t, 1, make([]byte, 32), nil, made...))
	if len(said) != 1 {
		t.Errorf("three orderers that the configuration does not know signed: %q", said)
	}
}

// Every byte belongs to one piece: what is signed as one text cannot be cut elsewhere.
func TestPiecesCutElsewhere(t *testing.T) {
	s := newScene(t, "log")
	by := map[uint32]*signing{1: s.orderer}
	raft := s.bundle()
	s.consenters = []*common.Consenter{{Id: 1, MspId: "orderers", Identity: encodePEM(s.orderer.certificate)}}
	signSmartBFT(t, s.block, by)
	smart := s.bundle()
	for name, good := range map[string][]byte{"raft": raft, "SmartBFT": smart} {
		if verdict, err := s.verify(good, s.trust()); err != nil {
			t.Fatalf("%s: %s, %v", name, verdict, err)
		}
		for i := -40; i <= 40; i++ {
			b := readBundle(t, good)
			blk := &b.evidence.Block
			if !recut(&blk.Value, &blk.Signatures[0].Header, i) {
				continue
			}
			if verdict, err := s.verify(b.format(), s.trust()); err == nil {
				t.Errorf("%s: %d bytes moved between value and header of the signature: %s", name, i, verdict)
			}
		}
		for i := -1200; i <= 200; i++ { // response || endorser is signed as one text, too
			b := readBundle(t, good)
			a := &b.evidence.Answer
			a.Endorsements = a.Endorsements[:1]
			if !recut(&a.Response, &a.Endorsements[0].Endorser, i) {
				continue
			}
			if err := endorsedAlone(s.trust(), a); err == nil {
				t.Errorf("%s: %d bytes moved between response and endorser", name, i)
			}
		}
		answer := func(b *bundleText) []*octets {
			a := &b.evidence.Answer
			return []*octets{&a.ChannelHeader, &a.SignatureHeader, &a.Proposal}
		}
		for piece := range 2 {
			for i := -80; i <= 80; i++ {
				b := readBundle(t, good)
				if p := answer(b); !recut(p[piece], p[piece+1], i) {
					continue
				}
				if verdict, err := s.verify(b.format(), s.trust()); err == nil {
					t.Errorf("%s: %d bytes moved behind piece %d of the answer: %s", name, i, piece, verdict)
				}
			}
		}
	}
}

// endorsedAlone is nil if the one endorsement of an answer fits.
func endorsedAlone(trust *Trust, a *evidenceAnswer) error {
	t, err := a.transaction()
	if err != nil {
		return err
	}
	if endorsed, _, err := t.endorsers(&trust.Organizations); err != nil || len(endorsed) != 1 {
		return fmt.Errorf("%v: %w", endorsed, errors.Join(err, errSignature))
	}
	return nil
}

// recut moves n bytes from the end of a to the beginning of b, or the other way.
func recut(a, b *octets, n int) bool {
	all := append(bytes.Clone(*a), *b...)
	at := len(*a) - n
	if n == 0 || at < 0 || at > len(all) {
		return false
	}
	*a, *b = all[:at], all[at:]
	return true
}

// Fields that nobody knows, and bytes after the end, in every piece; members twice.
func TestAdditionsToTheEvidence(t *testing.T) {
	s := newScene(t, "log")
	good := s.bundle()
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 200, protowire.VarintType), 1)
	pieces := func(b *bundleText) []*octets {
		a, blk := &b.evidence.Answer, &b.evidence.Block
		return []*octets{
			&a.ChannelHeader, &a.SignatureHeader, &a.Proposal, &a.Response, &a.Endorsements[0].Endorser, &a.Endorsements[0].Signature,
			&blk.Data[0], &blk.Data[1], &blk.DataHash, &blk.PreviousHash, &blk.Value, &blk.Signatures[0].Header, &blk.Signatures[0].Signature,
		}
	}
	for i := range pieces(readBundle(t, good)) {
		b := readBundle(t, good)
		*pieces(b)[i] = append(*pieces(b)[i], unknown...)
		if verdict, err := s.verify(b.format(), s.trust()); err == nil {
			t.Errorf("piece %d with a field more: %s", i, verdict)
		}
	}
	for _, edit := range [][2]string{
		{`"answer":{`, `"answer":{},"answer":{`}, {`"block":{"data"`, `"block":{"number":41,"data"`}, {`"evidence":{`, `"evidence":{},"evidence":{`},
		{`"channel":"aceso"`, `"channel":"aceso","channel":"aceso"`}, {`"number":41`, `"number":41.0`}, {`"number":41`, `"Number":41`}, {`"number":41`, `"number":41,"more":null`},
	} {
		bad := strings.Replace(string(good), edit[0], edit[1], 1)
		if bad == string(good) {
			t.Fatalf("%s is not in the bundle", edit[0])
		}
		if verdict, err := s.verify([]byte(bad), s.trust()); err == nil {
			t.Errorf("%s: %s", edit[1], verdict)
		}
	}
	for _, end := range []string{"\n", " ", "{}", "\x00"} {
		if verdict, err := s.verify(append(bytes.Clone(good), end...), s.trust()); err == nil {
			t.Errorf("%q at the end: %s", end, verdict)
		}
	}
}

// A trust folder that is not understood wholly must not be understood in part: a
// misspelt number of signatures would be one.
func TestMisspeltTrust(t *testing.T) {
	for _, text := range []string{
		`{"channel":"aceso","orderer_signature":3}`, `{"channel":"aceso"} {"orderer_signatures":3}`, `{"orderer_signatures":-1}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "channel.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if trust, _, err := ReadTrust(dir); err == nil {
			t.Errorf("%s: %+v", text, trust.Quorum)
		}
	}
}
