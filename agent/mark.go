package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Mark is by what rows name a caller without saying who it is: the subject in the name of
// its issuer, its role and its organisation. It begins the keys of what one caller has
// declared.
func (a *Agent) Mark() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{a.Issuer, a.Subject, a.Role, a.Organization}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
