// Package chaincode is the contract that keeps Aceso's logs honest on a Hyperledger
// Fabric channel. For each source (a log of one node) it keeps the size, the right
// edge and the root of an RFC 6962 tree, and lets that tree only grow: an anchor
// carries the commitments of the new records, and the root is computed here, not
// believed. A log that was cut, rewritten or forked does not get its anchor.
//
// The contract is a function of the ledger's state and the arguments: it reads no
// clock, no file and no network, and keeps nothing in memory between two calls.
//
// It sees 32-byte commitments, not records, so it cannot tell what was recorded, by
// whom, or whether something was left out. It does not decide who may use the channel,
// nor which organisations must endorse: the channel's policies do, and one that lets
// the source's organisation endorse alone makes its anchors worth no more than its
// word. It does not submit transactions, fetches nothing, and cannot help a source that
// a thief of its key forked: that source ends, and its organisation opens the next one.
package chaincode

import (
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Contract is the chaincode. It has no state of its own.
type Contract struct{}

// Init does nothing: there is no state before the first source.
func (Contract) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke runs the function named by the first argument. Everything else about the
// answer is in the payload (JSON), or in the message if it was refused.
func (Contract) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	answer, err := invoke(stub)
	if err != nil {
		return refused(err)
	}
	payload, err := encode(answer)
	if err != nil {
		return refused(err)
	}
	return shim.Success(payload)
}

func invoke(stub shim.ChaincodeStubInterface) (any, error) {
	args := stub.GetArgs()
	if len(args) == 0 {
		return nil, refuse(Argument, "the name of a function is missing")
	}
	caller, err := callerOf(stub)
	if err != nil {
		return nil, err
	}
	c := &call{stub: stub, caller: caller, args: args[1:]}
	switch string(args[0]) {
	case "RegisterSource":
		return take(c, c.registerSource)
	case "AddKey":
		return take(c, c.addKey)
	case "RevokeKey":
		return take(c, c.revokeKey)
	case "CloseSource":
		return take(c, c.closeSource)
	case "Anchor":
		return takeWithBytes(c, c.anchor)
	case "ReportFork":
		return take(c, c.reportFork)
	case "Head":
		return take(c, c.headOf)
	case "GetAnchor":
		return take(c, c.getAnchor)
	case "ListSources":
		return take(c, c.listSources)
	}
	return nil, refuse(Argument, "there is no function %.40q", args[0])
}

// call is one invocation.
type call struct {
	stub   shim.ChaincodeStubInterface
	caller string // MSP id
	args   [][]byte
}

// callerOf returns the MSP of the proposal's signer. The peer has checked signature and
// certificate before it asks the contract.
func callerOf(stub shim.ChaincodeStubInterface) (string, error) {
	creator, err := stub.GetCreator()
	if err != nil {
		return "", refuse(State, "read the caller: %v", err)
	}
	var identity msp.SerializedIdentity
	if err := proto.Unmarshal(creator, &identity); err != nil || identity.GetMspid() == "" {
		return "", refuse(Denied, "the caller has no MSP")
	}
	return identity.GetMspid(), nil
}

// take reads the one JSON argument of a function.
func take[Q any](c *call, do func(Q) (any, error)) (any, error) {
	var q Q
	if len(c.args) != 1 {
		return nil, refuse(Argument, "one JSON argument is needed, %d were given", len(c.args))
	}
	if err := decodeArgument(c.args[0], &q); err != nil {
		return nil, err
	}
	return do(q)
}

// takeWithBytes reads a JSON argument and one of plain bytes.
func takeWithBytes[Q any](c *call, do func(Q, []byte) (any, error)) (any, error) {
	if len(c.args) != 2 {
		return nil, refuse(Argument, "a JSON argument and the commitments are needed, %d arguments were given", len(c.args))
	}
	rest := c.args[1]
	c.args = c.args[:1]
	return take(c, func(q Q) (any, error) { return do(q, rest) })
}
