package fabric

import (
	"testing"

	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What Fabric says at length becomes a line that an operator can use.
func TestExplain(t *testing.T) {
	c := &Channel{profile: &Profile{Channel: "records", Chaincode: "aceso", MSP: "org1"}}
	long := "error in simulation: failed to execute transaction 25e3: could not launch chaincode aceso:7fa0: connection to aceso:7fa0 failed: " +
		"error cannot create connection for aceso:7fa0: error creating grpc connection to 127.0.0.1:16070: failed to create new connection: refused"
	s, err := status.New(codes.Aborted, "failed to collect enough transaction endorsements, see attached details for more info").WithDetails(
		&gatewaypb.ErrorDetail{MspId: "org2", Message: long}, &gatewaypb.ErrorDetail{MspId: "org3", Message: "connection\nrefused"})
	if err != nil {
		t.Fatal(err)
	}
	got := c.explain("Anchor", s.Err())
	const want = "Anchor on channel records: failed to collect enough transaction endorsements; " +
		"org2: the chaincode of its peer does not answer at 127.0.0.1:16070: does `aceso chaincode` run there?; org3: connection refused"
	if got.Error() != want {
		t.Errorf("says %q\nwant %q", got, want)
	}
	if causeOf(got) != "endorsement" || lasting(got) {
		t.Errorf("cause %s, lasting %v", causeOf(got), lasting(got))
	}
	down := status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:7051: connect: connection refused"`)
	got = c.explain("Head", down)
	if got.Error() != "Head on channel records: no answer: dial tcp 127.0.0.1:7051: connect: connection refused" || causeOf(got) != "unavailable" {
		t.Errorf("says %q, cause %s", got, causeOf(got))
	}
}

// A peer of another organisation says what it likes: its words become no labels of
// metrics, of which there would be no end.
func TestRefusalThatIsMadeUp(t *testing.T) {
	c := &Channel{profile: &Profile{Channel: "records", Chaincode: "aceso", MSP: "org1"}}
	for message, want := range map[string]string{
		"chaincode response 409, ACESO_GAP: the ledger is at size 3":   "gap",
		"chaincode response 409, ACESO_GAP7F3A: the ledger is at size": "configuration",
		"ACESO_7f3a9c: x":       "endorsement",
		"ACESO_gap: lower case": "endorsement",
		"ACESO_: nothing":       "endorsement",
	} {
		s, err := status.New(codes.Aborted, "failed to endorse").WithDetails(&gatewaypb.ErrorDetail{MspId: "org2", Message: message})
		if err != nil {
			t.Fatal(err)
		}
		if got := causeOf(c.explain("Anchor", s.Err())); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}
