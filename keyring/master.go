package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aceso-health/aceso/durable"
)

// Master is the key that seals a shared ring: 32 random bytes, never kept where the
// ring is kept.
type Master [32]byte

// ParseMaster reads a master key as it stands in a file or in the environment: the
// base64 of 32 bytes.
func ParseMaster(text string) (m Master, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) != len(m) {
		return m, errors.New("a master key is 32 random bytes in base64")
	}
	return Master(b), nil
}

// LoadMaster reads a master key from a file that only its owner may read;
// fs.ErrNotExist if there is none.
func LoadMaster(path string) (Master, error) {
	f, err := openPrivate("master key", path)
	if err != nil {
		return Master{}, err
	}
	defer f.Close()
	text := make([]byte, 256)
	n, err := f.Read(text)
	if err != nil {
		return Master{}, fmt.Errorf("read master key: %w", err)
	}
	m, err := ParseMaster(string(text[:n]))
	if err != nil {
		return Master{}, fmt.Errorf("master key %s: %w", path, err)
	}
	return m, nil
}

// CreateMaster makes a fresh master key in a new file. It never replaces one: the keys
// that the old one sealed would be lost.
func CreateMaster(path string) (m Master, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return m, fmt.Errorf("create folder of master key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return m, fmt.Errorf("create master key: %w", err)
	}
	rand.Read(m[:])
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(m[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return m, fmt.Errorf("create master key: %w", err)
	}
	return m, durable.SyncFolder(filepath.Dir(path))
}

// openPrivate opens a regular file that only its owner can read or change.
func openPrivate(what, path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("open %s: %w", what, err)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s %s is not a regular file", what, path)
	case info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("%s %s can be read or changed by other users (mode %04o): run chmod 600 on it, and replace its keys if anyone may have copied them", what, path, info.Mode().Perm())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
