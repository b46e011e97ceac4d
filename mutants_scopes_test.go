package aceso_test

func init() { mutants = append(mutants, scopesMutants...) }

// scopesMutants are the guards of granular scopes, fetched keys and grants.
var scopesMutants = []mutant{
	{"key sets are not fetched from private addresses", "auth/jwks/dial.go", "if !private {", "if false {", "./auth/jwks", "TestPrivateAddressesAreNotReached"},
	{"private networks are private", "auth/jwks/dial.go", "if !a.IsGlobalUnicast() || a.IsPrivate() {", "if !a.IsGlobalUnicast() {", "./auth/jwks", "TestPublicAddresses"},
	{"networks that are not public", "auth/jwks/dial.go", "if p.Contains(a) {", "if false {", "./auth/jwks", "TestPublicAddresses"},
	{"redirects to keys are not followed", "auth/jwks/dial.go", "return http.ErrUseLastResponse", "return nil", "./auth/jwks", "TestWhatIsNoKeySetIsRefused"},
	{"key sets are fetched by https", "auth/jwks/fetcher.go", "u.Scheme == \"http\" && s.Private && loopback(u.Hostname())", "u.Scheme == \"http\"", "./auth/jwks", "TestSourcesThatAreRefused"},
	{"key sets are bounded", "auth/jwks/read.go", "if err == nil && len(document) > mostBytes {", "if false {", "./auth/jwks", "TestWhatIsNoKeySetIsRefused"},
	{"keys of a set are bounded", "auth/jwks/read.go", "if len(set.Keys) > mostKeys {", "if false {", "./auth/jwks", "TestWhatIsNoKeySetIsRefused"},
	{"secret keys are refused", "auth/jwks/read.go", "if secret.D != nil || secret.K != nil || secret.P != nil || secret.Priv != nil {", "if false {", "./auth/jwks", "TestWhatIsNoKeySetIsRefused"},
	{"the openid-configuration is the issuer's", "auth/jwks/read.go", "if said.Issuer != s.Issuer {", "if false {", "./auth/jwks", "TestDiscovery"},
	{"where discovery leads is checked", "auth/jwks/read.go", "if err := s.reachable(said.Keys); err != nil {", "if err := error(nil); err != nil {", "./auth/jwks", "TestDiscovery"},
	{"key sets are not fetched too often", "auth/jwks/set.go", "if now.Before(s.next) {", "if false {", "./auth/jwks", "TestUnknownKeysAreFetchedNotTooOften"},
	{"keys end when their publisher says", "auth/jwks/set.go", "if fresh := now.Before(s.until); fresh {", "if fresh := true; fresh {", "./auth/jwks", "TestKeysAreKeptNoLongerThanTheirPublisherSays"},
	{"a rotation is another edition", "auth/jwks/set.go", "s.edition++", "_ = s.edition", "./auth/jwks", "TestUnknownKeysAreFetchedNotTooOften"},
}
