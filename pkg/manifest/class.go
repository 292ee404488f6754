package manifest

import "fmt"

// UnmarshalText reads what [Class.MarshalText] wrote: problems go through files
// and over the wire.
func (c *Class) UnmarshalText(text []byte) error {
	for _, known := range []Class{Stop, Block, Warn} {
		if known.String() == string(text) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("class of a problem: %q is none of error, blocked, warning", text)
}
