package chaincode

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"
)

// ledger is a channel in memory with the rules that matter to a contract: reads do
// not see the transaction's own writes, and a refused transaction writes nothing.
type ledger struct {
	t            testing.TB
	state        map[string][]byte
	transactions int
	failAt       int // the call to the peer that fails, counted from 1; 0 is none
}

// outcome is what an invocation led to.
type outcome struct {
	*peer.Response
	writes map[string][]byte
	event  string
	data   []byte // of the event
}

func newLedger(t testing.TB) *ledger { return &ledger{t: t, state: map[string][]byte{}} }

// invoke endorses by two peers, which must agree, and commits.
func (l *ledger) invoke(mspID, function string, args ...[]byte) outcome {
	l.t.Helper()
	l.transactions++
	args = append([][]byte{[]byte(function)}, args...)
	first, second := l.endorse(mspID, args), l.endorse(mspID, args)
	if !proto.Equal(first.Response, second.Response) || first.event != second.event ||
		!bytes.Equal(first.data, second.data) || !maps.EqualFunc(first.writes, second.writes, bytes.Equal) {
		l.t.Fatalf("%s: two endorsers disagree", function)
	}
	if first.Status < shim.ERRORTHRESHOLD {
		maps.Copy(l.state, first.writes)
	}
	return first
}

func (l *ledger) endorse(mspID string, args [][]byte) outcome {
	s := &stub{ledger: l, msp: mspID, args: args, out: outcome{writes: map[string][]byte{}}}
	s.out.Response = Contract{}.Invoke(s)
	return s.out
}

// stub is what a peer offers. Whatever it does not implement panics: the contract
// must not use it.
type stub struct {
	shim.ChaincodeStubInterface
	ledger *ledger
	msp    string
	args   [][]byte
	out    outcome
	calls  int
}

var errPeer = errors.New("the peer is gone")

// fails counts the calls to the peer.
func (s *stub) fails() error {
	if s.calls++; s.calls == s.ledger.failAt {
		return errPeer
	}
	return nil
}

func (s *stub) GetArgs() [][]byte { return s.args }
func (s *stub) GetTxID() string   { return fmt.Sprintf("tx%d", s.ledger.transactions) }

func (s *stub) GetCreator() ([]byte, error) {
	if err := s.fails(); err != nil {
		return nil, err
	}
	return proto.Marshal(&msp.SerializedIdentity{Mspid: s.msp, IdBytes: []byte("certificate")})
}

func (s *stub) GetState(key string) ([]byte, error) {
	if _, own := s.out.writes[key]; own {
		s.ledger.t.Errorf("%s is read after it was written: peers answer with the old value", key)
	}
	return s.ledger.state[key], s.fails()
}

func (s *stub) PutState(key string, value []byte) error {
	if _, again := s.out.writes[key]; again || key == "" || key[0] == 0 || key[0] == '_' {
		s.ledger.t.Errorf("%q is written twice or is not a key for every database", key)
	}
	s.out.writes[key] = value
	return s.fails()
}

func (s *stub) SetEvent(name string, payload []byte) error {
	s.out.event, s.out.data = name, payload
	return s.fails()
}

func (s *stub) GetStateByRange(from, to string) (shim.StateQueryIteratorInterface, error) {
	r := &rows{stub: s}
	for _, key := range slices.Sorted(maps.Keys(s.ledger.state)) {
		if from <= key && key < to {
			r.left = append(r.left, &queryresult.KV{Key: key, Value: s.ledger.state[key]})
		}
	}
	return r, s.fails()
}

type rows struct {
	stub *stub
	left []*queryresult.KV
}

func (r *rows) HasNext() bool { return len(r.left) > 0 }
func (r *rows) Close() error  { return nil }
func (r *rows) Next() (*queryresult.KV, error) {
	next := r.left[0]
	r.left = r.left[1:]
	return next, r.stub.fails()
}

// ask invokes with a JSON argument.
func (l *ledger) ask(mspID, function string, q any, more ...[]byte) outcome {
	l.t.Helper()
	arg, err := encode(q)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.invoke(mspID, function, append([][]byte{arg}, more...)...)
}

// accept is ask for what must succeed; the answer is read into v unless it is nil.
func (l *ledger) accept(v any, mspID, function string, q any, more ...[]byte) outcome {
	l.t.Helper()
	o := l.ask(mspID, function, q, more...)
	if o.Status != shim.OK {
		l.t.Fatalf("%s: %s", function, o.Message)
	}
	if v != nil {
		if err := decode(o.Payload, v); err != nil {
			l.t.Fatalf("%s: answer: %v", function, err)
		}
	}
	return o
}

// refuse is ask for what must be refused with a prefix and leave no trace.
func (l *ledger) refuse(p Prefix, mspID, function string, q any, more ...[]byte) {
	l.t.Helper()
	o := l.ask(mspID, function, q, more...)
	if !p.Known() {
		l.t.Errorf("%s is not known as a prefix", p)
	}
	if !strings.HasPrefix(o.Message, string(p)+": ") {
		l.t.Errorf("%s: %d %q, want %s", function, o.Status, o.Message, p)
	}
	l.untouched(o)
}

func (l *ledger) untouched(o outcome) {
	l.t.Helper()
	if o.Status < shim.ERRORTHRESHOLD || len(o.writes) > 0 || o.event != "" || len(o.Payload) > 0 {
		l.t.Errorf("a refusal has status %d, %d writes, event %q, payload %q", o.Status, len(o.writes), o.event, o.Payload)
	}
}

// Two organisations, and a log of each.
const (
	north    = "north-hospital"
	south    = "South.Clinic"
	northLog = north + "/n1/changes.0"
	southLog = south + "/n1/accesses.0"
)

// logKey signs for a source.
type logKey struct {
	note.Signer
	verifier string
}

// keyOf makes the same key for the same source and number every time.
func keyOf(t testing.TB, origin string, number byte) logKey {
	t.Helper()
	seed := bytes.Repeat([]byte{number}, ed25519.SeedSize)
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.SplitN(vkey, "+", 3)[1]
	signer, err := note.NewSigner("PRIVATE+KEY+" + origin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed...)))
	if err != nil {
		t.Fatal(err)
	}
	return logKey{Signer: signer, verifier: vkey}
}

// sign makes a checkpoint.
func (k logKey) sign(t testing.TB, origin string, size int64, root Hash) string {
	t.Helper()
	return k.signText(t, (&checkpoint{origin: origin, size: size, root: root}).text())
}

func (k logKey) signText(t testing.TB, text string) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, k.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}
