package chaincode

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

// TestServe speaks to the contract as a peer does, over gRPC.
func TestServe(t *testing.T) {
	certificate, pool := selfSigned(t)
	for name, c := range map[string]struct {
		server *tls.Config
		client credentials.TransportCredentials
	}{
		"plain": {nil, insecure.NewCredentials()},
		"TLS": {&tls.Config{Certificates: []tls.Certificate{certificate}},
			credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: "localhost"})},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- Serve(ctx, l, "aceso:1", c.server) }()
			talk(t, l.Addr().String(), c.client)
			stop()
			if err := <-ended; err != nil {
				t.Errorf("the server ended with %v", err)
			}
		})
	}
	if err := Serve(context.Background(), nil, "", nil); err == nil {
		t.Error("a server without package id begins")
	}
}

// talk registers, anchors and is refused.
func talk(t *testing.T, address string, with credentials.TransportCredentials) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(with))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stream, err := peer.NewChaincodeClient(connection).Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{t: t, stream: stream, state: map[string][]byte{}}
	hello := p.receive()
	var id peer.ChaincodeID
	if err := proto.Unmarshal(hello.Payload, &id); err != nil || hello.Type != peer.ChaincodeMessage_REGISTER || id.Name != "aceso:1" {
		t.Fatalf("the contract registers as %v", hello)
	}
	p.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_REGISTERED})
	p.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_READY})
	log := newTestLog(t, northLog, 1).add(MaxCommitments, 0)
	register := mustEncode(t, RegisterRequest{Origin: northLog, Key: log.key.verifier})
	if r := p.transact(south, "RegisterSource", register); r.Status != 403 || !strings.HasPrefix(r.Message, "ACESO_DENIED: ") {
		t.Errorf("a stranger's registration: %v", r)
	}
	if r := p.transact(north, "RegisterSource", register); r.Status != shim.OK {
		t.Fatalf("registration: %v", r)
	}
	q, rows := log.anchor(0, MaxCommitments)
	if r := p.transact(north, "Anchor", mustEncode(t, q), rows); r.Status != shim.OK {
		t.Errorf("anchor: %d %s", r.Status, r.Message)
	}
	var list Sources
	r := p.transact(south, "ListSources", []byte(`{"after":""}`))
	if err := decode(r.Payload, &list); err != nil || len(list.Sources) != 1 || len(p.state) != 3 {
		t.Errorf("listed %v with %d keys in the state", r, len(p.state))
	}
}

// fakePeer answers the contract's questions from a map.
type fakePeer struct {
	t      *testing.T
	stream peer.Chaincode_ConnectClient
	state  map[string][]byte
}

func (p *fakePeer) send(m *peer.ChaincodeMessage) {
	if err := p.stream.Send(m); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakePeer) receive() *peer.ChaincodeMessage {
	m, err := p.stream.Recv()
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

func (p *fakePeer) transact(mspID, function string, args ...[]byte) *peer.Response {
	input := &peer.ChaincodeInput{Args: append([][]byte{[]byte(function)}, args...)}
	p.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_TRANSACTION, Txid: "tx", ChannelId: "ch",
		Payload: p.bytes(input), Proposal: p.proposal(mspID)})
	for {
		m := p.receive()
		if m.Type == peer.ChaincodeMessage_COMPLETED {
			var r peer.Response
			if err := proto.Unmarshal(m.Payload, &r); err != nil {
				p.t.Fatal(err)
			}
			return &r
		}
		p.send(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_RESPONSE, Txid: m.Txid, ChannelId: m.ChannelId, Payload: p.answer(m)})
	}
}

func (p *fakePeer) answer(m *peer.ChaincodeMessage) []byte {
	switch m.Type {
	case peer.ChaincodeMessage_GET_STATE:
		var q peer.GetState
		p.parse(m, &q)
		return p.state[q.Key]
	case peer.ChaincodeMessage_PUT_STATE:
		var q peer.PutState
		p.parse(m, &q)
		p.state[q.Key] = q.Value
		return nil
	case peer.ChaincodeMessage_GET_STATE_BY_RANGE:
		var q peer.GetStateByRange
		p.parse(m, &q)
		rows := &peer.QueryResponse{Id: "1"}
		for key, value := range p.state {
			if q.StartKey <= key && key < q.EndKey {
				rows.Results = append(rows.Results, p.row(key, value))
			}
		}
		return p.bytes(rows)
	case peer.ChaincodeMessage_QUERY_STATE_CLOSE:
		return p.bytes(&peer.QueryResponse{})
	}
	p.t.Fatalf("the contract asks for %v", m.Type)
	return nil
}

func (p *fakePeer) proposal(mspID string) *peer.SignedProposal {
	header := &common.Header{
		ChannelHeader:   p.bytes(&common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION)}),
		SignatureHeader: p.bytes(&common.SignatureHeader{Creator: p.bytes(&msp.SerializedIdentity{Mspid: mspID})}),
	}
	return &peer.SignedProposal{ProposalBytes: p.bytes(&peer.Proposal{
		Header: p.bytes(header), Payload: p.bytes(&peer.ChaincodeProposalPayload{}),
	})}
}

func (p *fakePeer) bytes(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *fakePeer) parse(m *peer.ChaincodeMessage, into proto.Message) {
	if err := proto.Unmarshal(m.Payload, into); err != nil {
		p.t.Fatal(err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func (p *fakePeer) row(key string, value []byte) *peer.QueryResultBytes {
	return &peer.QueryResultBytes{ResultBytes: p.bytes(&queryresult.KV{Key: key, Value: value})}
}
