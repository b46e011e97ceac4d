// Package ucum knows how units of UCUM convert into one another. It covers products and
// quotients, with prefixes and whole exponents, of the units in atoms: mass, length,
// volume, time, temperature, substance, counts, pressure, energy and the arbitrary units
// of a laboratory.
//
// It does not do arithmetic with amounts: it says by what to multiply. Units outside the
// table, and those that do not convert exactly, are not covered: they are compared as
// they are written.
package ucum
