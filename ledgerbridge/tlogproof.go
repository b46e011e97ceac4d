package ledgerbridge

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// tlogHeader is the first line of a c2sp.org/tlog-proof document.
const tlogHeader = "c2sp.org/tlog-proof@v1\n"

// formatTlogProof writes index, audit path and checkpoint as c2sp.org/tlog-proof@v1,
// which other tools verify too: the record they hash is the 32-byte commitment.
func formatTlogProof(index int64, path [][32]byte, checkpoint []byte) string {
	return tlogHeader + "index " + strconv.FormatInt(index, 10) + "\n" + FormatPath(path) + "\n" + string(checkpoint)
}

// parseTlogProof reads what formatTlogProof writes and nothing else.
func parseTlogProof(text string) (index int64, path [][32]byte, checkpoint []byte, err error) {
	head, signed, ok := strings.Cut(text, "\n\n")
	lines, isProof := strings.CutPrefix(head+"\n", tlogHeader+"index ")
	digits, hashes, _ := strings.Cut(lines, "\n")
	if !ok || !isProof {
		return 0, nil, nil, fmt.Errorf("proof: not a c2sp.org/tlog-proof@v1 document")
	}
	if index, err = strconv.ParseInt(digits, 10, 64); err != nil {
		return 0, nil, nil, fmt.Errorf("proof: the second line is not its index")
	}
	if path, err = ParsePath(hashes); err != nil {
		return 0, nil, nil, err
	}
	if formatTlogProof(index, path, []byte(signed)) != text {
		return 0, nil, nil, fmt.Errorf("proof: %w", errNotCanonical)
	}
	return index, path, []byte(signed), nil
}

// FormatPath writes the hashes of a proof as tlog-proof does: a line of base64 each.
func FormatPath(path [][32]byte) string {
	var b strings.Builder
	for _, h := range path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return b.String()
}

// ParsePath reads what FormatPath writes and nothing else.
func ParsePath(text string) (path [][32]byte, err error) {
	for line := range strings.Lines(text) {
		h, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(line, "\n"))
		if err != nil || len(h) != hashSize {
			return nil, fmt.Errorf("proof: a line is not a hash")
		}
		path = append(path, [32]byte(h))
	}
	if FormatPath(path) != text {
		return nil, fmt.Errorf("proof: %w", errNotCanonical)
	}
	return path, nil
}
