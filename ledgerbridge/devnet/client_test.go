package devnet_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("DEVNET_TEST_PARENT"); dir != "" && os.Getenv("CHAINCODE_ID") == "" {
		os.Exit(parent(dir, os.Getenv("DEVNET_TEST_BIN")))
	}
	os.Exit(devnettest.Main(m))
}

// member is a client of one organisation. It knows nothing but the organisation's
// connection profile.
type member struct {
	t        testing.TB
	msp      string
	contract *client.Contract
}

func join(t testing.TB, n *devnet.Network, org string) *member {
	t.Helper()
	p, err := fabric.ReadProfile(n.Profile(org))
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.NewX509Identity(p.MSP, must(identity.CertificateFromPEM(read(t, p.Certificate))))
	if err != nil {
		t.Fatal(err)
	}
	sign := must(identity.NewPrivateKeySign(must(identity.PrivateKeyFromPEM(read(t, p.Key)))))
	peer := p.Organization(p.MSP).Nodes[0]
	secure, err := credentials.NewClientTLSFromFile(write(t, peer.TLSRoots), peer.ServerName)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(peer.Address, grpc.WithTransportCredentials(secure))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	gateway, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(connection),
		client.WithEndorseTimeout(15*time.Second), client.WithSubmitTimeout(5*time.Second), client.WithCommitStatusTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gateway.Close() })
	return &member{t, p.MSP, gateway.GetNetwork(p.Channel).GetContract(p.Chaincode)}
}

// submit tries for a while: after a fault, a network needs some seconds.
func (m *member) submit(function string, request any, more ...[]byte) {
	m.t.Helper()
	arguments := append([][]byte{must(json.Marshal(request))}, more...)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := m.contract.Submit(function, client.WithBytesArguments(arguments...))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s of %s: %v %v", function, m.msp, err, status.Convert(err).Details())
		}
	}
}

// size is what this organisation's peer knows of a log.
func (m *member) size(origin string) (size int64) {
	var head struct{ Size int64 }
	answer, err := m.contract.Evaluate("Head", client.WithBytesArguments(must(json.Marshal(map[string]string{"origin": origin}))))
	if err != nil {
		return -1
	}
	if err := json.Unmarshal(answer, &head); err != nil {
		m.t.Fatal(err)
	}
	return head.Size
}

// awaitSize waits until this organisation's peer knows a log to have that size.
func (m *member) awaitSize(origin string, size int64) {
	m.t.Helper()
	for deadline := time.Now().Add(time.Minute); m.size(origin) != size; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("%s has size %d of %s, want %d", m.msp, m.size(origin), origin, size)
		}
	}
}

// source is a log of one record, anchored by its organisation, and then of two.
type source struct {
	*member
	origin string
	signer note.Signer
	leaves [][32]byte
}

func (m *member) register(node string) *source {
	m.t.Helper()
	origin := m.msp + "/" + node + "/changes.0"
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		m.t.Fatal(err)
	}
	m.submit("RegisterSource", struct {
		Origin string `json:"origin"`
		Key    string `json:"key"`
	}{origin, public})
	return &source{m, origin, must(note.NewSigner(private)), nil}
}

// anchor adds a record. The tree has two leaves at most.
func (s *source) anchor() {
	s.t.Helper()
	commitment := sha256.Sum256([]byte(fmt.Sprint(s.origin, len(s.leaves))))
	s.leaves = append(s.leaves, sha256.Sum256(append([]byte{0}, commitment[:]...)))
	root := s.leaves[0]
	if len(s.leaves) == 2 {
		root = sha256.Sum256(append(append([]byte{1}, s.leaves[0][:]...), s.leaves[1][:]...))
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", s.origin, len(s.leaves), base64.StdEncoding.EncodeToString(root[:]))
	s.submit("Anchor", struct {
		Origin     string `json:"origin"`
		OldSize    int    `json:"oldSize"`
		Root       []byte `json:"root"`
		Checkpoint string `json:"checkpoint"`
	}{s.origin, len(s.leaves) - 1, root[:], string(must(note.Sign(&note.Note{Text: text}, s.signer)))}, commitment[:])
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
