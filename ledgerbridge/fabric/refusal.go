package fabric

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Refusal is a refusal by the contract: nothing was written.
type Refusal struct {
	Prefix   chaincode.Prefix
	Sentence string
}

// Error is the contract's message.
func (r *Refusal) Error() string { return string(r.Prefix) + ": " + r.Sentence }

// Misconfigured means that the channel cannot be used as the profile describes it.
// Retrying does not help until a person changes something.
type Misconfigured struct{ What string }

// Error is the sentence.
func (m *Misconfigured) Error() string { return m.What }

// Invalid means that a transaction is in a block but not valid.
type Invalid struct {
	Code        peer.TxValidationCode
	Transaction string
}

// Error names Fabric's code.
func (i *Invalid) Error() string {
	return fmt.Sprintf("transaction %s was found invalid: %s", i.Transaction, i.Code)
}

// refusalOf finds the contract's message in an error of the gateway. The own peer's
// comes first: others may lag, or run another contract.
func refusalOf(err error, msp string) *Refusal {
	var found *Refusal
	for _, d := range detailsOf(err) {
		r := parseRefusal(d.GetMessage())
		if r != nil && (found == nil || d.GetMspId() == msp) {
			found = r
		}
		if found != nil && d.GetMspId() == msp {
			return found
		}
	}
	if found == nil {
		found = parseRefusal(err.Error())
	}
	return found
}

func detailsOf(err error) []*gatewaypb.ErrorDetail {
	var all []*gatewaypb.ErrorDetail
	for _, d := range status.Convert(err).Details() {
		if d, ok := d.(*gatewaypb.ErrorDetail); ok {
			all = append(all, d)
		}
	}
	return all
}

// parseRefusal reads "chaincode response 409, ACESO_GAP: the ledger is ...".
func parseRefusal(message string) *Refusal {
	_, rest, ok := strings.Cut(message, "ACESO_")
	if !ok {
		return nil
	}
	word, sentence, ok := strings.Cut(rest, ": ")
	if !ok || strings.ContainsAny(word, " \n") {
		return nil
	}
	sentence, _, _ = strings.Cut(sentence, "\n")
	r := &Refusal{Prefix: chaincode.Prefix("ACESO_" + word), Sentence: sentence}
	if !r.Prefix.Known() { // that peer made it up
		return nil
	}
	return r
}

// explain turns an error of the gateway into one that says what to do.
func (c *Channel) explain(function string, err error) error {
	if r := refusalOf(err, c.profile.MSP); r != nil {
		if r.Prefix == chaincode.Argument && strings.Contains(r.Sentence, "there is no function") {
			return &Misconfigured{fmt.Sprintf("the chaincode %q has no function %s: install the version that goes with this program", c.profile.Chaincode, function)}
		}
		return fmt.Errorf("%s: %w", function, r)
	}
	t := &trouble{words: function + " on channel " + c.profile.Channel + ": " + plain(status.Convert(err).Message()), err: err}
	for _, d := range detailsOf(err) {
		t.words += "; " + d.GetMspId() + ": " + plain(d.GetMessage())
	}
	t.words = strings.ReplaceAll(t.words, ", see attached details for more info", "")
	t.words = strings.Join(strings.Fields(t.words), " ")
	names := strings.NewReplacer("CHANNEL", strconv.Quote(c.profile.Channel), "CHAINCODE", strconv.Quote(c.profile.Chaincode), "MSP", strconv.Quote(c.profile.MSP))
	for _, known := range misconfigurations {
		if strings.Contains(t.words, known.says) {
			return &Misconfigured{names.Replace(known.means) + " (" + t.words + ")"}
		}
	}
	return t
}

// plain shortens the messages that come when a peer or its chaincode is down.
func plain(message string) string {
	if _, rest, ok := strings.Cut(message, "error creating grpc connection to "); ok {
		address, _, _ := strings.Cut(rest, ": ")
		return "the chaincode of its peer does not answer at " + address + ": does `aceso chaincode` run there?"
	}
	if _, rest, ok := strings.Cut(message, "transport: Error while dialing: "); ok {
		return "no answer: " + strings.TrimSuffix(rest, `"`)
	}
	return message
}

// trouble is an error of the gateway in one line, with each peer's message.
type trouble struct {
	words string
	err   error
}

func (t *trouble) Error() string { return t.words }
func (t *trouble) Unwrap() error { return t.err }

const noPeers = "no peers available to evaluate chaincode"

// misconfigurations are texts of Fabric for errors that retrying does not help.
var misconfigurations = []struct{ says, means string }{
	{"failed to get config for channel", "this organisation's peer knows no channel CHANNEL: check the profile, or let the peer join"},
	{"No metadata was found for chaincode", "there is no chaincode CHAINCODE on channel CHANNEL: install, approve and commit it"},
	{noPeers, "there is no chaincode CHAINCODE on channel CHANNEL, or it is not installed on this organisation's peer"},
	{"access denied", "the channel CHANNEL does not accept the identity of the profile for organisation MSP: check certificate and msp"},
	{"certificate signed by unknown authority", "the peer's TLS certificate was not issued by tls_roots of the profile"},
	{"x509: certificate is", "the peer's TLS certificate has another name than address or server_name of the profile"},
	{"unknown service gateway", "what answers at the address of this organisation's peer is not a peer: check the profile"},
	{"chaincode response ", "the chaincode CHAINCODE on channel CHANNEL is not Aceso's contract"},
}

// causeOf is the label of a failed attempt in metrics: a word from a small set.
func causeOf(err error) string {
	var r *Refusal
	var m *Misconfigured
	var i *Invalid
	switch {
	case errors.As(err, &r):
		return strings.ToLower(strings.TrimPrefix(string(r.Prefix), "ACESO_"))
	case errors.As(err, &m):
		return "configuration"
	case errors.As(err, &i):
		return strings.ToLower(i.Code.String())
	}
	switch status.Code(err) {
	case codes.Unavailable:
		return "unavailable"
	case codes.DeadlineExceeded:
		return "deadline"
	case codes.Aborted:
		return "endorsement"
	case codes.FailedPrecondition:
		return "peers"
	}
	return "other"
}

// lasting reports whether only a person can remove the reason of a failure.
func lasting(err error) bool {
	var r *Refusal
	var m *Misconfigured
	if errors.As(err, &r) {
		switch r.Prefix {
		case chaincode.Argument, chaincode.Size, chaincode.Checkpoint, chaincode.Denied, chaincode.Closed:
			return true
		}
	}
	return errors.As(err, &m)
}
