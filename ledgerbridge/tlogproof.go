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
	var b strings.Builder
	b.WriteString(tlogHeader + "index " + strconv.FormatInt(index, 10) + "\n")
	for _, h := range path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(checkpoint)
	return b.String()
}

// parseTlogProof reads what formatTlogProof writes and nothing else.
func parseTlogProof(text string) (index int64, path [][32]byte, checkpoint []byte, err error) {
	head, rest, ok := strings.Cut(text, "\n\n")
	lines := strings.SplitN(head, "\n", 2+64+1) // one too many is enough
	if !ok || len(lines) < 2 || len(lines) > 2+64 || lines[0]+"\n" != tlogHeader {
		return 0, nil, nil, fmt.Errorf("proof: not a c2sp.org/tlog-proof@v1 document")
	}
	digits, ok := strings.CutPrefix(lines[1], "index ")
	if index, err = strconv.ParseInt(digits, 10, 64); !ok || err != nil {
		return 0, nil, nil, fmt.Errorf("proof: the second line is not its index")
	}
	for _, line := range lines[2:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != hashSize {
			return 0, nil, nil, fmt.Errorf("proof: a line is not a hash")
		}
		path = append(path, [32]byte(h))
	}
	if formatTlogProof(index, path, []byte(rest)) != text {
		return 0, nil, nil, fmt.Errorf("proof: not in canonical form")
	}
	return index, path, []byte(rest), nil
}
