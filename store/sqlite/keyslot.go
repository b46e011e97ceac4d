package sqlite

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// A slot of the key file: checksum, version, length of the wrapped key, id (owner and
// suffix), wrapped key, zeros. A slot of zeros is free. No slot crosses a sector of the
// disk, so a power cut leaves it as it was, or written.
const (
	slotSize    = 128
	slotVersion = 1
	ownerSize   = 16
	suffixSize  = 8
	idAt        = 6
	wrappedAt   = idAt + ownerSize + suffixSize
	wrappedMost = slotSize - wrappedAt
)

// keyHead is the beginning of slot 0, which holds no key.
const keyHead = "aceso part keys 1\n"

// keyOwner is the first half of a key's id, see store.PartKeyOwner.
type keyOwner [ownerSize]byte

// keyID is the id of a part key as it stands in a slot.
type keyID [ownerSize + suffixSize]byte

func (id keyID) owner() keyOwner { return keyOwner(id[:ownerSize]) }

func (id keyID) String() string {
	return hex.EncodeToString(id[:ownerSize]) + "-" + hex.EncodeToString(id[ownerSize:])
}

// parseKeyID reads 32 and 16 hexadecimal digits with a hyphen between them.
func parseKeyID(text string) (id keyID, ok bool) {
	first, second, ok := strings.Cut(text, "-")
	if !ok || len(first) != 2*ownerSize || len(second) != 2*suffixSize {
		return id, false
	}
	b, err := hex.DecodeString(first + second)
	if err != nil {
		return id, false
	}
	return keyID(b), true
}

type slot [slotSize]byte

// newSlot fills a slot.
func newSlot(id keyID, wrapped []byte) (s slot, err error) {
	if len(wrapped) > wrappedMost {
		return s, fmt.Errorf("the wrapped key %s has %d bytes, %d fit: give the wrapping key a shorter id", id, len(wrapped), wrappedMost)
	}
	s[4], s[5] = slotVersion, byte(len(wrapped))
	copy(s[idAt:], id[:])
	copy(s[wrappedAt:], wrapped)
	binary.BigEndian.PutUint32(s[:], s.checksum())
	return s, nil
}

func (s *slot) checksum() uint32 { return crc32.ChecksumIEEE(s[4:]) }

func (s *slot) free() bool { return *s == slot{} }

func (s *slot) id() keyID { return keyID(s[idAt:wrappedAt]) }

// errHalfSlot means that a slot was half written, or damaged since.
var errHalfSlot = errors.New("the slot is damaged, or was not written whole")

func (s *slot) wrapped() ([]byte, error) {
	if !s.whole() {
		return nil, errHalfSlot
	}
	return append([]byte{}, s[wrappedAt:wrappedAt+int(s[5])]...), nil
}

func (s *slot) whole() bool {
	return binary.BigEndian.Uint32(s[:]) == s.checksum() && s[4] == slotVersion && int(s[5]) <= wrappedMost
}
