package store

// Wrap seals or opens the key of a patient's parts; context, the key's id, is
// authenticated with it.
type Wrap func(key, context []byte) ([]byte, error)
