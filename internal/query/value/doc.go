// Package value implements the values of queries and their operators.
//
//	doc := value.FromJSON([]byte(`{"geo":{"lat":52.5},"tags":["a"]}`))
//	lat := doc.Get(value.Path{value.Key("geo"), value.Key("lat")})
//	sum := value.Add(lat, value.OfInt(1)) // 53.5
//
// A property that a document lacks is [Missing], which differs from [Null]: it spreads through
// operators as SQL's NULL does, while NULL takes part in comparisons. Numbers are integers or
// doubles, as written in the document. They are compared exactly.
//
// Values are immutable. All functions are pure and safe for concurrent use.
package value
