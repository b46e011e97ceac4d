package fhir

// format is the lexical form of a primitive type.
type format uint8

// formatNames are the primitive types in the order of the formats.
var formatNames = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
	"markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml",
}

const (
	formatBase64Binary format = iota
	formatBoolean
	formatCanonical
	formatCode
	formatDate
	formatDateTime
	formatDecimal
	formatID
	formatInstant
	formatInteger
	formatMarkdown
	formatOID
	formatPositiveInt
	formatString
	formatTime
	formatUnsignedInt
	formatURI
	formatURL
	formatUUID
	formatXHTML
)
