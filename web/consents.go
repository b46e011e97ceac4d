package web

// Said is what a Consent, or a part of it, says in sentences.
type Said struct {
	Sentences []string
	Below     []Said
}
