package fabric

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// speaking is a peer that says whatever a test wants.
type speaking struct {
	peer.UnimplementedEndorserServer
	peer.UnimplementedDeliverServer

	height func() uint64
	block  func(n uint64) *common.Block
	list   func(after string) chaincode.Sources
	head   func(origin string) chaincode.Head
	anchor func(size int64) chaincode.Anchor
	asked  atomic.Int64
	sent   atomic.Int64
}

// honest is a peer with the blocks of m that are there when it is asked, up to most.
func (m *madeUp) honest(most int) *speaking {
	return &speaking{
		height: func() uint64 { return uint64(min(most, len(m.blocks))) },
		block:  func(n uint64) *common.Block { return m.blocks[n] },
		list:   func(string) chaincode.Sources { return chaincode.Sources{Sources: []chaincode.Source{m.head.Source}} },
		head:   func(string) chaincode.Head { return m.head },
		anchor: func(size int64) chaincode.Anchor { return m.anchors[size] },
	}
}

func (s *speaking) ProcessProposal(_ context.Context, signed *peer.SignedProposal) (*peer.ProposalResponse, error) {
	s.asked.Add(1)
	var p peer.Proposal
	var payload peer.ChaincodeProposalPayload
	var call peer.ChaincodeInvocationSpec
	for _, step := range []struct {
		data func() []byte
		into proto.Message
	}{{signed.GetProposalBytes, &p}, {p.GetPayload, &payload}, {payload.GetInput, &call}} {
		if err := proto.Unmarshal(step.data(), step.into); err != nil {
			return nil, err
		}
	}
	args := call.GetChaincodeSpec().GetInput().GetArgs()
	var q struct {
		Origin, After string
		Size          int64
	}
	_ = json.Unmarshal(args[1], &q)
	var answer any
	switch string(args[0]) {
	case "GetChainInfo":
		info, err := proto.Marshal(&common.BlockchainInfo{Height: s.height()})
		return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: info}}, err
	case "ListSources":
		answer = s.list(q.After)
	case "Head":
		answer = s.head(q.Origin)
	case "GetAnchor":
		answer = s.anchor(q.Size)
	}
	data, err := json.Marshal(answer)
	return &peer.ProposalResponse{Response: &peer.Response{Status: 200, Payload: data}}, err
}

func (s *speaking) Deliver(stream grpc.BidiStreamingServer[common.Envelope, peer.DeliverResponse]) error {
	e, err := stream.Recv()
	if err != nil {
		return err
	}
	var p common.Payload
	var seek orderer.SeekInfo
	if err := proto.Unmarshal(e.GetPayload(), &p); err != nil {
		return err
	}
	if err := proto.Unmarshal(p.GetData(), &seek); err != nil {
		return err
	}
	for n := seek.GetStart().GetSpecified().GetNumber(); n <= seek.GetStop().GetSpecified().GetNumber(); n++ {
		if err := stream.Send(&peer.DeliverResponse{Type: &peer.DeliverResponse_Block{Block: s.block(n)}}); err != nil {
			return err
		}
		s.sent.Add(1)
	}
	return nil
}

// serve makes it an endpoint.
func (s *speaking) serve(t *testing.T, name string) Endpoint {
	t.Helper()
	key := newKey(t)
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	c := issue(t, template, template, &key.PublicKey, key)
	server := grpc.NewServer(grpc.MaxSendMsgSize(math.MaxInt32), grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key})))
	peer.RegisterEndorserServer(server, s)
	peer.RegisterDeliverServer(server, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return Endpoint{Name: name, Address: l.Addr().String(), TLSRoots: string(encodePEM(c))}
}

// inspectPeers inspects a channel with a peer of each organisation.
func (m *madeUp) inspectPeers(t *testing.T, clinic, lab *speaking) (Inspected, []Finding) {
	t.Helper()
	p := m.profile()
	p.Organizations[0].Nodes = []Endpoint{clinic.serve(t, "peer.clinic")}
	p.Organizations[1].Nodes = []Endpoint{lab.serve(t, "peer.lab")}
	der, err := x509.MarshalPKCS8PrivateKey(m.client.key)
	m.must(err)
	p.Certificate, p.Key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	m.must(os.WriteFile(p.Certificate, encodePEM(m.client.certificate), 0o600))
	m.must(os.WriteFile(p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	var found []Finding
	seen, err := Inspect(t.Context(), p, longAgo.Add(time.Hour), nil, func(f Finding) { found = append(found, f) })
	m.must(err)
	return seen, found
}

func TestHonestPeers(t *testing.T) {
	m := newMadeUp(t)
	seen, found := m.inspectPeers(t, m.honest(99), m.honest(99))
	if len(found) > 0 || len(seen.Peers) != 2 || len(seen.Sources) != 1 || seen.Sources[0].Size != 12 {
		t.Errorf("%v\n%+v", found, seen)
	}
}

// A peer that never comes to an end, or says more than anybody can read, is left; the
// others are judged all the same.
func TestPeersWithoutEnd(t *testing.T) {
	for name, test := range map[string]struct {
		lies func(*madeUp, *speaking)
		says string
		most int // findings about it
	}{
		"pages without sources": {func(_ *madeUp, s *speaking) {
			s.list = func(string) chaincode.Sources { return chaincode.Sources{Sources: []chaincode.Source{}, More: true} }
		}, "sends nothing", 1},
		"pages in a circle": {func(m *madeUp, s *speaking) {
			s.list = func(string) chaincode.Sources {
				return chaincode.Sources{Sources: []chaincode.Source{m.head.Source}, More: true}
			}
		}, "not in order", 1},
		"sources without end": {func(m *madeUp, s *speaking) {
			s.list = func(after string) chaincode.Sources {
				next := m.head.Source
				next.Origin = after + "x"
				return chaincode.Sources{Sources: []chaincode.Source{next}, More: true}
			}
			s.head = func(string) chaincode.Head { return chaincode.Head{Checkpoint: strings.Repeat("x", maxAnswer/2)} }
		}, "more than 256 MB", 1},
		"an answer of any size": {func(_ *madeUp, s *speaking) {
			s.head = func(string) chaincode.Head { return chaincode.Head{Checkpoint: strings.Repeat("x", 2*maxAnswer)} }
		}, "larger than max", 1},
		"blocks without end": {func(m *madeUp, s *speaking) {
			s.height = func() uint64 { return 1 << 60 }
			s.block = func(uint64) *common.Block { return m.blocks[1] }
		}, "the rest of its blocks was not read", maxFindings + 1},
		"a block full of nonsense": {func(m *madeUp, s *speaking) {
			nonsense := make([][]byte, 3*maxFindings)
			for i := range nonsense {
				nonsense[i] = []byte("x")
			}
			b := newBlock(m.t, 0, nil, nonsense)
			s.height, s.block = func() uint64 { return 1 }, func(uint64) *common.Block { return b }
		}, "the rest of its blocks was not read", maxFindings + 2},
		"strangers' blocks without end": {func(m *madeUp, s *speaking) {
			s.height = func() uint64 { return 1 << 60 }
			last, stranger := make([]byte, 32), newOrganisation(m.t, "ghost").member("o", "orderer")
			s.block = func(n uint64) *common.Block {
				o := *stranger
				o.serialized = serialized(m.t, fmt.Sprintf("ghost%d", n), o.certificate)
				b := newBlock(m.t, n, last, nil, &o)
				hash, err := blockHash(b.GetHeader())
				m.must(err)
				last = hash[:]
				return b
			}
		}, "the rest of its blocks was not read", maxFindings + 1},
		"no block": {func(_ *madeUp, s *speaking) { s.height = func() uint64 { return 0 } }, "no block", 1},
		"a name of any length": {func(m *madeUp, s *speaking) {
			s.list = func(string) chaincode.Sources {
				return chaincode.Sources{Sources: []chaincode.Source{{Origin: strings.Repeat("x", 1<<20)}}}
			}
			s.head = func(origin string) chaincode.Head { return chaincode.Head{Source: chaincode.Source{Origin: origin}} }
		}, "no transaction registered", 2},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMadeUp(t)
			liar := m.honest(99)
			test.lies(m, liar)
			seen, found := m.inspectPeers(t, m.honest(99), liar)
			said := ""
			for _, f := range found {
				if said += f.What + "\n"; f.Peer == "peer.clinic" && f.Block != 0 { // nobody signs the first block: one's word stands against the other's
					t.Errorf("of the honest one: %s", f)
				}
				if len(f.What) > 4*maxWhat || len(f.Source) > 4*maxWhat {
					t.Errorf("a finding of %d bytes", len(f.What)+len(f.Source))
				}
			}
			if !strings.Contains(said, test.says) || len(found) > test.most+2 {
				t.Errorf("%d findings, %d blocks, %d answers: %.2000s", len(found), liar.sent.Load(), liar.asked.Load(), said)
			}
			if differs := slices.ContainsFunc(found, func(f Finding) bool { return f.Peer == "peer.clinic" }); !differs && (len(seen.Sources) != 1 || seen.Sources[0].Size != 12) {
				t.Errorf("the honest peer's sources: %+v", seen.Sources)
			}
		})
	}
}

// A peer that is asked first has seen less of a channel that grows; one that hides the
// last blocks, or says that it has them and shows nothing, is named.
func TestPeersThatAreBehind(t *testing.T) {
	t.Parallel()
	m := newMadeUp(t)
	late := m.honest(3)
	honest := late.height
	late.height = func() uint64 {
		if late.asked.Load() > 6 {
			return uint64(len(m.blocks))
		}
		return honest()
	}
	late.head = func(string) chaincode.Head {
		a := m.anchors[5]
		return chaincode.Head{Source: m.head.Source, Size: a.Size, Root: a.Root, Checkpoint: a.Checkpoint, Transaction: a.Transaction}
	}
	seen, found := m.inspectPeers(t, m.honest(99), late)
	if len(found) > 0 || len(seen.Peers) != 2 || seen.Peers[1].Blocks != uint64(len(m.blocks)) {
		t.Errorf("a peer that catches up: %v\n%+v", found, seen.Peers)
	}
	hides := m.honest(3)
	hides.head = late.head
	if _, found := m.inspectPeers(t, m.honest(99), hides); len(found) != 1 || !found[0].Unchecked || found[0].Peer != "peer.lab" || !strings.Contains(found[0].What, "hides") {
		t.Errorf("a peer that hides blocks: %v", found)
	}
	other := m.honest(3)
	other.head, other.height = late.head, func() uint64 {
		if other.asked.Load() > 4 {
			return uint64(len(m.blocks))
		}
		return 3
	}
	other.block = func(n uint64) *common.Block { return m.blocks[min(n, 2)] }
	if _, found := m.inspectPeers(t, m.honest(99), other); len(found) == 0 || found[0].Unchecked || found[0].Peer != "peer.lab" || found[0].Block != 3 {
		t.Errorf("a peer that shows other blocks then: %v", found)
	}
}

// What holds for many blocks is said once.
func TestOrderersThatTheProfileLacks(t *testing.T) {
	m := newMadeUp(t)
	m.orderer = newOrganisation(t, "ghost").member("o", "orderer")
	data := m.blocks[1:]
	m.blocks = m.blocks[:1]
	for _, b := range data {
		m.append(b.GetData().GetData())
	}
	if _, found := m.inspect(nil); len(*found) != 1 || !(*found)[0].Unchecked || (*found)[0].Block != 1 || !strings.Contains((*found)[0].What, "ghost") {
		t.Error(*found)
	}
}
