package engine

// Unsigned stands for a signature that was checked, where a test or benchmark is about what
// comes after.
func Unsigned(e *Event) Signed {
	return Signed{event: e.Hash(), organisation: e.Organisation}
}

// Gates and Actions name the vocabulary.
func Gates() (names []string) {
	for _, g := range gates {
		names = append(names, g.name)
	}
	return names
}

// Actions names what steps do.
func Actions() (names []string) {
	for _, a := range actions {
		names = append(names, a.name)
	}
	return names
}

// Full is a log of so many events.
func Full(n int) (l Log) {
	for range n {
		l = l.with(Seen{})
	}
	return l
}
