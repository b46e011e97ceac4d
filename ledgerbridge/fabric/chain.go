package fabric

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// chain checks the blocks of one peer, in order from the first, and keeps sums that must
// be the same on every peer.
type chain struct {
	trust  *Trust
	report func(block uint64, source, what string) // something is wrong
	unsure func(block uint64, what string)         // something could not be checked

	next      uint64
	last      [32]byte // hash of the header before
	ordering  *ordering
	strangers []string // organisations of orderers that are not in the profile
	sums      []blockSum
	logs      *replay
	broken    bool // a block's data are not those of its header: what they say is not replayed
	unsound   bool // a block does not continue the one before, or was not signed as it must be
}

// blockSum sums up a block: its header, which covers its data, and the peer's verdicts on
// its transactions, which no hash of the chain covers.
type blockSum struct{ header, outcome [32]byte }

func (c *chain) block(b *common.Block) error {
	h := b.GetHeader()
	if h.GetNumber() != c.next {
		c.refute(fmt.Sprintf("block %d stands in its place", h.GetNumber()))
	}
	if c.next > 0 && !bytes.Equal(h.GetPreviousHash(), c.last[:]) {
		c.refute("it does not continue the block before: the header of one of them was changed")
	}
	hash, err := blockHash(h)
	if err != nil {
		return err
	}
	if !bytes.Equal(dataHash(b.GetData().GetData()), h.GetDataHash()) {
		c.report(c.next, "", "its data are not those of its header: the block was changed where this peer keeps it")
		c.broken = true
	}
	if c.next > 0 { // nobody signs the first one; all peers must have the same
		c.signed(b)
	}
	if !c.broken {
		c.configure(b)
	}
	outcome := sha256.New()
	outcome.Write(metadata(b, common.BlockMetadataIndex_TRANSACTIONS_FILTER))
	outcome.Write(metadata(b, common.BlockMetadataIndex_COMMIT_HASH))
	c.sums = append(c.sums, blockSum{hash, [32]byte(outcome.Sum(nil))})
	if !c.broken {
		c.replay(b)
	}
	c.last = hash
	c.next++
	return nil
}

// refute reports why the next block does not belong to the channel.
func (c *chain) refute(what string) {
	c.unsound = true
	c.report(c.next, "", what)
}

// signed checks that as many orderers signed the header as the channel demands.
func (c *chain) signed(b *common.Block) {
	o := c.ordering
	if o == nil {
		o = new(ordering)
	}
	header, err := headerBytes(b.GetHeader())
	var value []byte
	var signatures []blockSignature
	if err == nil {
		value, signatures, err = blockSignatures(b, o.consenters)
	}
	var got Quorum
	var unknown []string
	if err == nil {
		got, unknown, err = signers(&c.trust.Orderers, header, value, signatures)
	}
	switch {
	case err != nil:
		c.refute(err.Error())
	case len(unknown) > 0:
		c.strange(strings.Join(unknown, " and "))
	case got.Signatures < o.quorum().Signatures:
		c.refute(fmt.Sprintf("%d orderers signed it, %d are needed", got.Signatures, o.quorum().Signatures))
	}
}

// strange reports once, for all blocks, organisations of orderers that the profile lacks.
func (c *chain) strange(organizations string) {
	if !slices.Contains(c.strangers, organizations) {
		c.strangers = append(c.strangers, organizations)
		c.unsure(c.next, "orderers of "+organizations+" signed it, and perhaps later blocks, which are not in the profile")
	}
}

// configure learns of new orderers from a configuration block.
func (c *chain) configure(b *common.Block) {
	o, err := orderingOf(b)
	if err != nil {
		c.report(c.next, "", err.Error())
	}
	if o != nil {
		c.ordering = o
	}
}

// replay goes through the valid transactions of the contract.
func (c *chain) replay(b *common.Block) {
	flags := metadata(b, common.BlockMetadataIndex_TRANSACTIONS_FILTER)
	if len(flags) != len(b.GetData().GetData()) {
		c.report(c.next, "", "the peer does not say of each transaction whether it is valid")
		return
	}
	for i, raw := range b.GetData().GetData() {
		if peer.TxValidationCode(flags[i]) != peer.TxValidationCode_VALID {
			continue
		}
		if err := c.transaction(raw); err != nil {
			var f *foundError
			source := ""
			if errors.As(err, &f) {
				source = f.source
			}
			c.report(c.next, source, err.Error())
		}
	}
}

func (c *chain) transaction(raw []byte) error {
	var e common.Envelope
	if err := proto.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	_, h, err := headers(e.GetPayload())
	if err != nil || h.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) {
		return err
	}
	t, err := readTransaction(e.GetPayload())
	if err != nil {
		return err
	}
	if t.chaincode != c.trust.Chaincode {
		return nil
	}
	if t.channel != c.trust.Channel {
		return fmt.Errorf("transaction %s is one of channel %q", t.id, t.channel)
	}
	return c.logs.transaction(t, &e)
}
