package auth

// Refused is a refused authentication, with what its token says about the caller as far
// as that can be read. It has nothing of the token itself.
type Refused struct {
	Err                     error // an *fhir.Error
	Verified                bool  // the issuer has signed the claims; otherwise anybody may have written them
	Issuer, Subject, Client string
}

// Error is the refusal.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap gives the *fhir.Error.
func (r *Refused) Unwrap() error { return r.Err }

// refused adds claims, nil if there are none, to a refusal.
func refused(c *Claims, verified bool, err error) error {
	if c == nil {
		return err
	}
	return &Refused{Err: err, Verified: verified, Issuer: c.Issuer, Subject: c.Subject, Client: c.Client}
}
