package fabric

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

func TestAnchoredRecord(t *testing.T) {
	s := newScene(t, "log")
	b := s.bundle()
	if verdict, err := s.verify(b, s.trust()); err != nil || verdict != ledgerbridge.OK {
		t.Fatalf("%s, %v", verdict, err)
	}
	anywhere := s.trust()
	anywhere.Channel, anywhere.Chaincode = "", ""
	if verdict, err := s.verify(b, anywhere); err != nil || verdict != ledgerbridge.OK {
		t.Errorf("any channel: %s, %v", verdict, err)
	}
}

// Every byte with one bit changed, and every seventh in further ways.
func TestEveryByteOfAnAnchoredBundle(t *testing.T) {
	s := newScene(t, "log")
	good, trust := s.bundle(), s.trust()
	every, further := 1, 7
	if testing.Short() {
		every, further = 13, 53
	}
	for i := range good {
		var changed [][]byte
		if i%every == 0 {
			changed = append(changed, append(append(bytes.Clone(good[:i]), good[i]^1<<(i%8)), good[i+1:]...))
		}
		if i%further == 0 || good[i] == '"' || good[i] == ',' || good[i] == ':' {
			changed = append(changed,
				append(append(bytes.Clone(good[:i]), other(good[i])), good[i+1:]...),
				append(bytes.Clone(good[:i]), good[i+1:]...),
				append(append(bytes.Clone(good[:i]), ' '), good[i:]...))
		}
		for _, bad := range changed {
			if verdict, err := s.verify(bad, trust); err == nil || verdict == ledgerbridge.OK {
				t.Fatalf("accepted a change at byte %d: %s", i, bad[max(0, i-40):min(len(bad), i+40)])
			}
		}
	}
}

// other is another character of the same kind, so that text stays base64 or hex.
func other(c byte) byte {
	switch {
	case '0' <= c && c <= '8', 'a' <= c && c <= 'y', 'A' <= c && c <= 'Y':
		return c + 1
	}
	return 'A'
}

// Every piece of the evidence, one bit changed in the bytes that base64 stands for.
func TestEveryPieceOfTheEvidence(t *testing.T) {
	s := newScene(t, "log")
	good, trust := s.bundle(), s.trust()
	pieces := func(b *bundleText) (all []*octets) {
		a, blk := &b.evidence.Answer, &b.evidence.Block
		all = append(all, &a.ChannelHeader, &a.Proposal, &a.Response, &a.SignatureHeader, &blk.DataHash, &blk.PreviousHash, &blk.Value)
		for i := range a.Endorsements {
			all = append(all, &a.Endorsements[i].Endorser, &a.Endorsements[i].Signature)
		}
		for i := range blk.Data {
			all = append(all, &blk.Data[i])
		}
		for i := range blk.Signatures {
			all = append(all, &blk.Signatures[i].Header, &blk.Signatures[i].Signature)
		}
		return all
	}
	for i := range pieces(readBundle(t, good)) {
		size := len(*pieces(readBundle(t, good))[i])
		for at := 0; at < size; at += max(1, size/40) {
			b := readBundle(t, good)
			(*pieces(b)[i])[at] ^= 1 << (at % 8)
			if verdict, err := s.verify(b.format(), trust); err == nil || verdict == ledgerbridge.OK {
				t.Errorf("piece %d, byte %d of %d: accepted", i, at, size)
			}
		}
	}
	for name, edit := range map[string]func(*bundleText){
		"number of the block": func(b *bundleText) { b.evidence.Block.Number++ },
		"an envelope more":    func(b *bundleText) { b.evidence.Block.Data = append(b.evidence.Block.Data, octets("x")) },
		"an envelope less":    func(b *bundleText) { b.evidence.Block.Data = b.evidence.Block.Data[1:] },
		"envelopes swapped":   func(b *bundleText) { d := b.evidence.Block.Data; d[0], d[1] = d[1], d[0] },
		"endorsements swapped": func(b *bundleText) {
			e := b.evidence.Answer.Endorsements
			e[0].Endorser, e[1].Endorser = e[1].Endorser, e[0].Endorser
		},
		"an empty envelope":   func(b *bundleText) { b.evidence.Block.Data = append(b.evidence.Block.Data, octets{}) },
		"an empty one before": func(b *bundleText) { b.evidence.Block.Data = slices.Insert(b.evidence.Block.Data, 0, octets{}) },
		"envelopes joined": func(b *bundleText) {
			d := b.evidence.Block.Data
			b.evidence.Block.Data = []octets{slices.Concat(d[0], d[1])}
		},
		"another's envelope cut in two": func(b *bundleText) {
			var e common.Envelope
			d := b.evidence.Block.Data
			_ = proto.Unmarshal(d[0], &e)
			at := len(d[0]) - len(e.GetSignature()) - 2
			b.evidence.Block.Data = slices.Insert(d, 1, d[0][at:])
			b.evidence.Block.Data[0] = d[0][:at]
		},
		"one endorsement":        func(b *bundleText) { b.evidence.Answer.Endorsements = b.evidence.Answer.Endorsements[:1] },
		"one twice":              func(b *bundleText) { b.evidence.Answer.Endorsements[1] = b.evidence.Answer.Endorsements[0] },
		"no orderer":             func(b *bundleText) { b.evidence.Block.Signatures = nil },
		"a signature's twin":     func(b *bundleText) { twin(&b.evidence.Answer.Endorsements[0].Signature) },
		"an orderer's twin":      func(b *bundleText) { twin(&b.evidence.Block.Signatures[0].Signature) },
		"a certificate too many": func(b *bundleText) { b.evidence.Block.Signatures[0].MSP = "orderers" },
	} {
		b := readBundle(t, good)
		edit(b)
		if bytes.Equal(b.format(), good) {
			t.Errorf("%s: nothing changed", name)
		}
		if verdict, err := s.verify(b.format(), trust); err == nil || verdict == ledgerbridge.OK {
			t.Errorf("%s: accepted", name)
		}
	}
}

// bundleText is a bundle whose evidence can be edited and written again.
type bundleText struct {
	before, after string
	evidence      *evidence
}

func readBundle(t testing.TB, bundle []byte) *bundleText {
	t.Helper()
	before, rest, _ := strings.Cut(string(bundle), `"evidence":`)
	var raw json.RawMessage
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	e, err := parseEvidence(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &bundleText{before: before, after: rest[len(raw):], evidence: e}
}

func (b *bundleText) format() []byte {
	text, err := json.Marshal(b.evidence)
	if err != nil {
		panic(err)
	}
	return []byte(b.before + `"evidence":` + string(text) + b.after)
}

// What members of the channel could do together short of what is demanded. All of
// these have good signatures.
func TestAnchorsThatProveNothing(t *testing.T) {
	const tampered, incomplete = ledgerbridge.Tampered, ledgerbridge.Incomplete
	for name, test := range map[string]struct {
		edit    func(*scene)
		verdict ledgerbridge.Verdict
		says    string
	}{
		"another channel":               {func(s *scene) { s.answer.channel = "private" }, tampered, "channel"},
		"another chaincode":             {func(s *scene) { s.answer.chaincode = "mine" }, tampered, "chaincode"},
		"a transaction elsewhere":       {func(s *scene) { s.anchor.channel = "private" }, tampered, "channel"},
		"a transaction of another code": {func(s *scene) { s.anchor.chaincode = "mine" }, tampered, "chaincode"},
		"another question":              {func(s *scene) { s.answer.args[1] = []byte(`{"origin":"clinic/n1/changes.0","size":8}`) }, tampered, "question"},
		"another function":              {func(s *scene) { s.answer.args[0] = []byte("Head") }, tampered, "question"},
		"another answer": {func(s *scene) {
			s.answer.answer = bytes.Replace(s.answer.answer, []byte(`"size":9`), []byte(`"size":8`), 1)
		}, tampered, "another anchor"},
		"another version": {func(s *scene) { s.answer.answer = bytes.Replace(s.answer.answer, []byte(`"v":1`), []byte(`"v":2`), 1) }, tampered, "version"},
		"a refusal":       {func(s *scene) { s.answer.edit = func(p *invocationParts) { p.action.Response.Status = 500 } }, tampered, "status"},
		"an answer to something else": {func(s *scene) {
			s.answer.edit = func(p *invocationParts) { p.response.ProposalHash = make([]byte, 32) }
		}, tampered, "another proposal"},
		"an answer of another code": {func(s *scene) { s.answer.edit = func(p *invocationParts) { p.action.ChaincodeId.Name = "mine" } }, tampered, "chaincode"},
		"two names of a chaincode": {func(s *scene) {
			s.answer.edit = func(p *invocationParts) { p.call.ChaincodeSpec.ChaincodeId.Name = "mine" }
		}, tampered, "chaincode"},
		"an id of one's choice": {func(s *scene) { s.answer.edit = func(p *invocationParts) { p.channel.TxId = strings.Repeat("a", 64) } }, tampered, "creator and nonce"},
		"no call": {func(s *scene) {
			s.answer.edit = func(p *invocationParts) { p.channel.Type = int32(common.HeaderType_CONFIG) }
		}, tampered, "headers"},
		"one organisation":  {func(s *scene) { s.answer.endorsers = []*signing{s.peers[0], s.clinic.member("peer1", "peer")} }, incomplete, "only clinic"},
		"clients for peers": {func(s *scene) { s.answer.endorsers = []*signing{s.peers[0], s.lab.member("User1", "client")} }, tampered, "not a peer"},
		"an unknown organisation": {func(s *scene) {
			s.answer.endorsers = []*signing{s.peers[0], newOrganisation(s.t, "ghost").member("p", "peer")}
		}, incomplete, "ghost"},
		"a made up organisation": {func(s *scene) {
			s.answer.endorsers = []*signing{s.peers[0], newOrganisation(s.t, "lab").member("p", "peer")}
		}, tampered, "not issued"},
		"a transaction of one":        {func(s *scene) { s.anchor.endorsers = s.peers[:1] }, incomplete, "only clinic"},
		"a transaction of nobody":     {func(s *scene) { s.anchor.endorsers = nil }, incomplete, "only"},
		"somebody else's transaction": {func(s *scene) { s.change(func(i *invocation) { i.creator = s.lab.member("User1", "client") }) }, tampered, "made by lab"},
		"a stranger's transaction": {func(s *scene) {
			s.change(func(i *invocation) { i.creator = newOrganisation(s.t, "ghost").member("User1", "client") })
		}, tampered, "made by ghost"},
		"other commitments":           {func(s *scene) { s.anchor.args[2] = bytes.Clone(s.anchor.args[2]); s.anchor.args[2][40] ^= 1 }, tampered, "commitments"},
		"another record's commitment": {func(s *scene) { s.sent(func(c []byte) { copy(c[32:], c[:32]) }) }, tampered, "another commitment"},
		"fewer commitments":           {func(s *scene) { s.anchor.args[2] = s.anchor.args[2][32:] }, tampered, "commitments"},
		"a repeated anchor":           {func(s *scene) { s.anchor.answer = bytes.Replace(s.anchor.answer, []byte("false"), []byte("true"), 1) }, tampered, "did not lead"},
		"not an anchor":               {func(s *scene) { s.anchor.args[0] = []byte("AnchorX") }, tampered, "did not lead"},
		"a peer's block":              {func(s *scene) { s.orderer = s.ordering.member("p", "peer") }, tampered, "not an orderer"},
		"a block of others":           {func(s *scene) { s.orderer = newOrganisation(s.t, "ghost").member("o", "orderer") }, incomplete, "ghost"},
		"a block of made up orderers": {func(s *scene) { s.orderer = newOrganisation(s.t, "orderers").member("o", "orderer") }, tampered, "not issued"},
		"another log's state": {func(s *scene) {
			s.answer.answer = bytes.Replace(s.answer.answer, []byte("changes.0"), []byte("changes.1"), 1)
		}, tampered, "another anchor"},
		"an authority that signs": {func(s *scene) { s.answer.endorsers = []*signing{s.peers[0], s.lab.authority()} }, tampered, "no member"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "log")
			test.edit(s)
			verdict, err := s.verify(s.bundle(), s.trust())
			if err == nil || verdict != test.verdict || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s, %v, want %s with %q", verdict, err, test.verdict, test.says)
			}
		})
	}
}

// change edits the anchor's transaction and tells the answer its new id.
func (s *scene) change(edit func(*invocation)) {
	before := s.anchor.id()
	edit(&s.anchor)
	for _, i := range []*invocation{&s.anchor, &s.answer} {
		i.answer = bytes.ReplaceAll(i.answer, []byte(before), []byte(s.anchor.id()))
	}
}

// sent changes the commitments that the anchor's transaction sends, and what the
// contract says of them.
func (s *scene) sent(edit func([]byte)) {
	before := sha256.Sum256(s.anchor.args[2])
	s.anchor.args[2] = bytes.Clone(s.anchor.args[2])
	edit(s.anchor.args[2])
	after := sha256.Sum256(s.anchor.args[2])
	for _, i := range []*invocation{&s.anchor, &s.answer} {
		i.answer = bytes.ReplaceAll(i.answer, s.json(chaincode.Hash(before)), s.json(chaincode.Hash(after)))
	}
}

// authority is the organisation's authority as if it were a peer.
func (o *organisation) authority() *signing {
	s := o.member("ca", "peer")
	template := certificate("ca2", rolePeer)
	template.IsCA, template.BasicConstraintsValid = true, true
	s.certificate = issue(o.t, template, o.ca, &s.key.PublicKey, o.key)
	s.serialized = serialized(o.t, o.msp, s.certificate)
	return s
}

// A bundle made wholly by somebody with other keys, names and all.
func TestForgedNetwork(t *testing.T) {
	honest, forger := newScene(t, "log"), newScene(t, "forger")
	forged := forger.bundle()
	if verdict, err := forger.verify(forged, forger.trust()); err != nil || verdict != ledgerbridge.OK {
		t.Fatalf("the forgery is not consistent: %s, %v", verdict, err)
	}
	if verdict, err := honest.verify(forged, honest.trust()); err == nil || verdict != ledgerbridge.Tampered {
		t.Errorf("everything forged: %s, %v", verdict, err)
	}
	stolen := newScene(t, "log") // the log's key is known to the forger, the network's are not
	if verdict, err := honest.verify(stolen.bundle(), honest.trust()); err == nil || verdict != ledgerbridge.Tampered {
		t.Errorf("the network forged: %s, %v", verdict, err)
	}
}

func TestTrustDecides(t *testing.T) {
	s := newScene(t, "log")
	b := s.bundle()
	for name, test := range map[string]struct {
		edit    func(*Trust)
		verdict ledgerbridge.Verdict
		says    string
	}{
		"another channel":       {func(x *Trust) { x.Channel = "other" }, ledgerbridge.Tampered, "channel"},
		"another chaincode":     {func(x *Trust) { x.Chaincode = "other" }, ledgerbridge.Tampered, "chaincode"},
		"no orderers":           {func(x *Trust) { x.Orderers = Authorities{} }, ledgerbridge.Incomplete, "orderers"},
		"two orderers":          {func(x *Trust) { x.Quorum.Signatures = 2 }, ledgerbridge.Incomplete, "2 are needed"},
		"nobody":                {func(x *Trust) { x.Organizations = Authorities{} }, ledgerbridge.Incomplete, "clinic and lab"},
		"only the source's own": {func(x *Trust) { x.Organizations = Authorities{}; s.must(x.Organizations.Add("clinic", s.clinic.roots)) }, ledgerbridge.Incomplete, "lab"},
		"only others":           {func(x *Trust) { x.Organizations = Authorities{}; s.must(x.Organizations.Add("lab", s.lab.roots)) }, ledgerbridge.Incomplete, "clinic"},
	} {
		trust := s.trust()
		test.edit(trust)
		verdict, err := s.verify(b, trust)
		if err == nil || verdict != test.verdict || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %s, %v", name, verdict, err)
		}
	}
	var a Authorities
	s.must(a.Add("clinic", s.clinic.roots))
	if err := a.Add("lab", s.clinic.roots); err == nil {
		t.Error("one authority speaks for two organisations")
	}
	if err := a.Add("lab", "nonsense"); err == nil {
		t.Error("nonsense is taken for authorities")
	}
}

// What is no evidence proves nothing, and a block that is too large does not become any.
func TestNoEvidence(t *testing.T) {
	s := newScene(t, "log")
	for _, bad := range []string{"", "null", "{}", `""`, "7"} {
		a := &ledgerbridge.AnchorProof{Evidence: json.RawMessage(bad)}
		if err := s.trust().VerifyAnchor(a, ledgerbridge.Receipt{}, ledgerbridge.Checkpoint{}); err == nil || errors.Is(err, ledgerbridge.ErrIncomplete) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	s.block = newBlock(t, 1, nil, [][]byte{make([]byte, maxEvidence+1)})
	if _, err := newEvidence(s.answer.payload(t), s.block, nil); err == nil {
		t.Error("a block of any size goes into a bundle")
	}
}

// Blocks of SmartBFT name their signers by number; their certificates are in the
// bundle then.
func TestSmartBFTBlock(t *testing.T) {
	s := newScene(t, "log")
	s.bundle()
	by := map[uint32]*signing{}
	for id := range uint32(3) {
		by[id+1] = s.ordering.member(fmt.Sprintf("orderer%d", id), "orderer")
		s.consenters = append(s.consenters, &common.Consenter{Id: id + 1, MspId: "orderers", Identity: encodePEM(by[id+1].certificate)})
	}
	signSmartBFT(t, s.block, by)
	trust := s.trust()
	trust.Quorum = Quorum{3, 1}
	good := s.bundle()
	if verdict, err := s.verify(good, trust); err != nil {
		t.Fatalf("%s, %v", verdict, err)
	}
	b := readBundle(t, good)
	size := len(b.evidence.Block.Signatures[0].Certificate)
	for at := 0; at < size; at += 3 {
		b := readBundle(t, good)
		b.evidence.Block.Signatures[0].Certificate[at] ^= 1 << (at % 8)
		if _, err := s.verify(b.format(), trust); err == nil {
			t.Errorf("byte %d of a certificate: accepted", at)
		}
	}
	b.evidence.Block.Signatures[0] = b.evidence.Block.Signatures[1]
	if verdict, err := s.verify(b.format(), trust); err == nil || verdict != ledgerbridge.Incomplete {
		t.Errorf("one orderer twice: %s, %v", verdict, err)
	}
	s.consenters = s.consenters[:2]
	if _, err := newEvidence(s.answer.payload(t), s.block, s.consenters); err == nil {
		t.Error("a signer that the configuration does not know")
	}
}

func TestHeaderEncoding(t *testing.T) {
	h := &common.BlockHeader{Number: 1 << 40, PreviousHash: []byte{1}, DataHash: []byte{2}}
	got, err := headerBytes(h)
	want, _ := base64.StdEncoding.DecodeString("MA4CBgEAAAAAAAQBAQQBAg==")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}

func FuzzEvidence(f *testing.F) {
	s := newScene(f, "log")
	good, err := newEvidence(s.answer.payload(f), newBlock(f, 3, []byte{1}, [][]byte{{1}}, s.orderer), nil)
	s.must(err)
	f.Add([]byte(good))
	f.Add([]byte(`{"answer":{},"block":{"data":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseEvidence(data)
		if err != nil {
			return
		}
		if again, err := json.Marshal(e); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q has another form: %q", data, again)
		}
		if tx, err := e.Answer.transaction(); err == nil {
			_, _, _ = tx.endorsers(&Authorities{})
		}
	})
}
