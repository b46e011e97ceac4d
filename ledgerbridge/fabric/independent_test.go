package fabric_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// anchoredBundle is what the independent verifier reads of a bundle.
type anchoredBundle struct {
	Commitment string
	Proof      string
	Entry      struct {
		Source string
		Seq    int
	}
	Anchor struct {
		Block                          uint64
		Block_hash, Chaincode, Channel string
		Size                           int
		Transaction                    string
		Evidence                       struct {
			Answer struct {
				Channel_header, Signature_header, Proposal, Response []byte
				Endorsements                                         []struct{ Endorser, Signature []byte }
			}
			Block struct {
				Data                            [][]byte
				Number                          uint64
				Data_hash, Previous_hash, Value []byte
				Signatures                      []struct{ Header, Signature []byte }
			}
		}
	}
}

// independent verifies the anchor of a bundle (of a channel with Raft) with nothing of
// this package, nor of Fabric: a second opinion, written from docs/record-format.md.
// What package ledgerbridge checks is not checked again. The error may be a panic's.
func independent(bundle []byte, organizations, orderers map[string]string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	var b anchoredBundle
	ensure(json.Unmarshal(bundle, &b) == nil, "JSON")
	a, answer, block := b.Anchor, b.Anchor.Evidence.Answer, b.Anchor.Evidence.Block

	question := fmt.Sprintf(`{"origin":"%s","size":%d}`, b.Entry.Source, a.Size)
	args, state := call(a.Channel, a.Chaincode, answer.Channel_header, answer.Signature_header, answer.Proposal, answer.Response)
	ensure(len(args) == 2 && string(args[0]) == "GetAnchor" && string(args[1]) == question, "question")
	var endorsed []string
	for _, e := range answer.Endorsements {
		endorsed = append(endorsed, signed(organizations, "peer", e.Endorser, slices.Concat(answer.Response, e.Endorser), e.Signature))
	}
	slices.Sort(endorsed)
	ensure(len(slices.Compact(endorsed)) > 1, "endorsements")
	var s struct {
		Origin, Checkpoint, Transaction string
		OldSize, Size                   int
		Commitments                     []byte
	}
	ensure(json.Unmarshal(state, &s) == nil && s.Origin == b.Entry.Source && s.Transaction == a.Transaction, "answer")
	_, note, _ := strings.Cut(b.Proof, "\n\n")
	ensure(s.Checkpoint == note && strings.HasPrefix(note, fmt.Sprintf("%s\n%d\n", s.Origin, s.Size)), "checkpoint")

	header, err := asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(block.Number), block.Previous_hash, block.Data_hash})
	ensure(err == nil && block.Number == a.Block && sum(header) == a.Block_hash, "header")
	ensure(sum(slices.Concat(block.Data...)) == hex.EncodeToString(block.Data_hash), "data")
	for _, o := range block.Signatures {
		signed(orderers, "orderer", field(o.Header, 1), slices.Concat(block.Value, o.Header, header), o.Signature)
	}
	ensure(len(block.Signatures) > 0, "orderers")

	for _, envelope := range block.Data {
		payload := field(envelope, 1)
		channel, signature := field(field(payload, 1), 1), field(field(payload, 1), 2)
		if string(field(channel, 5)) != a.Transaction {
			continue
		}
		action := field(field(field(payload, 2), 1), 2)
		response := field(field(action, 2), 1)
		args, result := call(a.Channel, a.Chaincode, channel, signature, field(action, 1), response)
		maker := signed(organizations, "", field(signature, 1), payload, field(envelope, 2))
		ensure(strings.HasPrefix(s.Origin, maker+"/"), "maker")
		ensure(string(args[0]) == "Anchor" && string(result) == `{"anchor":`+string(state)+`,"repeated":false}`, "result")
		ensure(sum(args[2]) == hex.EncodeToString(s.Commitments), "commitments")
		at := 32 * (b.Entry.Seq - s.OldSize)
		ensure(hex.EncodeToString(args[2][at:at+32]) == b.Commitment, "place")
		return nil
	}
	return fmt.Errorf("no transaction")
}

// call reads an endorsed call: its arguments and its result.
func call(channel, chaincode string, channelHeader, signatureHeader, proposal, response []byte) (args [][]byte, result []byte) {
	id := sum(slices.Concat(field(signatureHeader, 2), field(signatureHeader, 1)))
	ensure(string(field(channelHeader, 4)) == channel && string(field(channelHeader, 5)) == id, "channel header")
	ensure(string(field(field(field(channelHeader, 7), 2), 2)) == chaincode, "chaincode of the header")
	ensure(bytes.Equal(field(response, 1), unhex(sum(slices.Concat(channelHeader, signatureHeader, proposal)))), "proposal hash")
	spec := field(field(proposal, 1), 1)
	ensure(string(field(field(spec, 2), 2)) == chaincode, "chaincode of the proposal")
	action := field(response, 2)
	ensure(string(field(field(action, 4), 2)) == chaincode, "chaincode of the response")
	status, _ := protowire.ConsumeVarint(fields(field(action, 3), 1)[0])
	ensure(status == 200, "status")
	return fields(field(spec, 3), 1), field(field(action, 3), 3)
}

// signed checks a signature by a member and returns its organisation.
func signed(roots map[string]string, role string, identity, message, signature []byte) (msp string) {
	msp = string(field(identity, 1))
	block, _ := pem.Decode(field(identity, 2))
	c, err := x509.ParseCertificate(block.Bytes)
	pool := x509.NewCertPool()
	ensure(err == nil && pool.AppendCertsFromPEM([]byte(roots[msp])), "certificate")
	_, err = c.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: c.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	ensure(err == nil, "chain")
	ensure(role == "" || slices.Contains(c.Subject.OrganizationalUnit, role), "role")
	ensure(ecdsa.VerifyASN1(c.PublicKey.(*ecdsa.PublicKey), unhex(sum(message)), signature), "signature")
	return msp
}

// fields are all values of one field of a protocol buffer; field is the first.
func fields(message []byte, number protowire.Number) (values [][]byte) {
	for len(message) > 0 {
		n, kind, length := protowire.ConsumeTag(message)
		ensure(length > 0, "protocol buffer")
		value := message[length:]
		length = protowire.ConsumeFieldValue(n, kind, value)
		ensure(length >= 0, "protocol buffer")
		message = value[length:]
		if n != number {
			continue
		}
		value = value[:length]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		values = append(values, value)
	}
	return values
}

func field(message []byte, number protowire.Number) []byte {
	if all := fields(message, number); len(all) > 0 {
		return all[0]
	}
	return nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func unhex(s string) []byte { return must(hex.DecodeString(s)) }

func ensure(ok bool, what string) {
	if !ok {
		panic(what)
	}
}
