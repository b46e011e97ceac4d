package search

import (
	"math"
	"strconv"
	"strings"
)

// A place is a point of the globe. Its key is the path to its cell, and its latitude and
// longitude in degrees as the document writes them:
//
//	near=0312...|52.52|13.40
//
// The path begins with the whole globe and names one of four quarters in each step, so that
// cells are ranges of keys.
const placeSteps = 20 // cells of some 40 m

// cell is the path of a point, of some steps.
func cell(lat, long float64, steps int) []byte {
	path := make([]byte, steps)
	south, north, west, east := -90.0, 90.0, -180.0, 180.0
	for i := range path {
		quarter := byte('0')
		if middle := (south + north) / 2; lat >= middle {
			quarter, south = quarter+2, middle
		} else {
			north = middle
		}
		if middle := (west + east) / 2; long >= middle {
			quarter, west = quarter+1, middle
		} else {
			east = middle
		}
		path[i] = quarter
	}
	return path
}

// degrees reads latitude and longitude.
func degrees(lat, long string) (la, lo float64, ok bool) {
	la, err := strconv.ParseFloat(lat, 64)
	if err != nil || !(math.Abs(la) <= 90) {
		return 0, 0, false
	}
	lo, err = strconv.ParseFloat(long, 64)
	return la, lo, err == nil && math.Abs(lo) <= 180
}

// place writes the key of a position, which other places than those of the globe do not have.
func (x *extractor) place(i int32, p *planParam) {
	lat, long := x.child(i, roleLatitude), x.child(i, roleLongitude)
	la, lo, ok := degrees(string(lat), string(long))
	if !ok || len(lat)+len(long) > keyLimit {
		return
	}
	x.begin(p, tokenKey)
	x.buf = append(append(x.buf, cell(la, lo, placeSteps)...), '|')
	x.buf = append(append(append(x.buf, lat...), '|'), long...)
	x.end()
}

// Near holds if a place of Param is within a distance of a point on the globe.
type Near struct {
	Param     string
	Lat, Long float64 // degrees
	Meters    float64
}

func (Near) condition() {}

// earth is its mean radius in meters.
const earth = 6_371_008.8

// holds answers Near by the keys.
func (n Near) holds(x *Index) bool {
	prefix := n.Param + string(opToken)
	for _, k := range x.from(prefix) {
		rest, ok := strings.CutPrefix(k, prefix)
		if !ok {
			return false
		}
		_, point, _ := strings.Cut(rest, "|")
		lat, long, _ := strings.Cut(point, "|")
		if la, lo, ok := degrees(lat, long); ok && distance(n.Lat, n.Long, la, lo) <= n.Meters {
			return true
		}
	}
	return false
}

// distance is that of two points on a sphere, in meters.
func distance(lat1, long1, lat2, long2 float64) float64 {
	const radian = math.Pi / 180
	north, east := math.Sin((lat2-lat1)*radian/2), math.Sin((long2-long1)*radian/2)
	h := north*north + math.Cos(lat1*radian)*math.Cos(lat2*radian)*east*east
	return 2 * earth * math.Asin(min(1, math.Sqrt(h)))
}

// cover are the ranges of keys that hold all places within the distance, and few others: some
// cells about as large as the circle.
func (n Near) cover() Any {
	high := min(n.Meters/earth*180/math.Pi, 180) + 1e-6 // nothing is farther than half the way round
	wide := 180.0
	if far := math.Abs(n.Lat) + high; far < 90 { // no pole is inside
		wide = math.Asin(min(1, math.Sin(high*math.Pi/180)/math.Cos(n.Lat*math.Pi/180)))*180/math.Pi + 1e-6
	}
	steps := 0
	for steps < placeSteps && 180/math.Exp2(float64(steps+1)) >= 2*high && 360/math.Exp2(float64(steps+1)) >= 2*wide {
		steps++
	}
	tall, broad := 180/math.Exp2(float64(steps)), 360/math.Exp2(float64(steps))
	cells := map[string]bool{}
	var all Any
	for lat := n.Lat - high; ; lat += tall {
		for long := n.Long - wide; ; long += broad {
			path := string(cell(max(-90, min(lat, n.Lat+high, 90)), around(min(long, n.Long+wide)), steps))
			if !cells[path] {
				cells[path] = true
				from := n.Param + string(opToken) + path
				all = append(all, KeyRange{from, from + keyEnd})
			}
			if long >= n.Long+wide {
				break
			}
		}
		if lat >= n.Lat+high {
			break
		}
	}
	return all
}

// around brings a longitude into the range of longitudes.
func around(long float64) float64 {
	switch {
	case long < -180:
		return long + 360
	case long > 180:
		return long - 360
	}
	return long
}

// lengths are the units of a distance, in meters.
var lengths = map[string]float64{
	"": 1000, "km": 1000, "m": 1, "cm": 0.01, "[mi_us]": 1609.347219, "[mi_i]": 1609.344, "mi": 1609.344, "[nmi_i]": 1852, "[yd_i]": 0.9144, "[ft_i]": 0.3048,
}

// usualDistance is how far near goes unless the search says that, in kilometers.
const usualDistance = "10"

// near compiles latitude|longitude, with |distance and |unit behind it.
func (c criterion) near(v string) (Condition, error) {
	parts := append(splitEscaped(v, '|'), "", "", "")
	lat, long, ok := degrees(parts[0], parts[1])
	if !ok || len(parts) > 4+3 {
		return nil, c.invalid("near is latitude|longitude|distance|unit, in degrees from -90 to 90 and from -180 to 180.")
	}
	if parts[2] == "" {
		parts[2] = usualDistance
	}
	far, err := strconv.ParseFloat(parts[2], 64)
	unit, known := lengths[parts[3]]
	if err != nil || !known || !(far >= 0) || math.IsInf(far, 0) {
		return nil, c.invalid("The distance of near is a number, and its unit km, m, cm, [mi_i], [mi_us], [nmi_i], [yd_i] or [ft_i]; without them it is 10 km.")
	}
	n := Near{Param: c.def.Name, Lat: lat, Long: long, Meters: far * unit}
	cover := n.cover()
	c.leaves += len(cover)
	return All{cover, n}, nil
}
