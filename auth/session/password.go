package session

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a password's hash costs: OWASP's second choice of parameters for argon2id.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	saltSize     = 16
	hashSize     = 32
)

const (
	// MinPassword and MaxPassword bound a password's length in bytes.
	MinPassword = 10
	MaxPassword = 256
	// hashersMost is how many passwords are hashed at a time: each takes 19 MiB.
	hashersMost = 2
)

// CheckPassword says what is wrong with a new password.
func CheckPassword(password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword {
		return fmt.Errorf("a password has %d to %d bytes", MinPassword, MaxPassword)
	}
	return nil
}

// NewPassword is a random one.
func NewPassword() string { return strings.ToLower(rand.Text()[:20]) } // 100 bits

// HashPassword makes what is kept of a password, in the usual form $argon2id$v=19$....
func HashPassword(password string) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	hash := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, hashSize)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64.EncodeToString(salt), b64.EncodeToString(hash))
}

// hashed is a hash of HashPassword in its parts.
type hashed struct {
	time, memory uint32
	threads      uint8
	salt, hash   []byte
}

var errHash = errors.New("session: a kept password is no argon2id hash with bearable parameters")

// readHash refuses parameters that would cost more than a few of today's.
func readHash(text string) (h hashed, err error) {
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil || h.time == 0 || h.time > 10 || h.memory > 256<<10 || h.threads == 0 {
		return h, errHash
	}
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil || len(h.salt) < 8 {
		return h, errHash
	}
	if h.hash, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil || len(h.hash) != hashSize {
		return h, errHash
	}
	return h, nil
}

func (h hashed) is(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, hashSize)
	return subtle.ConstantTimeCompare(got, h.hash) == 1
}

// hashers bounds how many passwords are hashed at a time.
type hashers chan struct{}

func newHashers() hashers { return make(hashers, hashersMost) }

// compare says whether password is the one that was hashed. Where there is no hash it costs
// the same and is false.
func (w hashers) compare(ctx context.Context, kept, password string) (bool, error) {
	select {
	case w <- struct{}{}:
		defer func() { <-w }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	h, known := nobody(), false
	if kept != "" {
		var err error
		if h, err = readHash(kept); err != nil {
			return false, err
		}
		known = true
	}
	return h.is(password) && known, nil
}

// nobody is what the password of an unknown user is compared with.
func nobody() hashed {
	return hashed{time: argonTime, memory: argonMemory, threads: argonThreads, salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
}
