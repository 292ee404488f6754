package showpad

import "context"

// Languages are the codes that the service knows, as it writes them; the list has
// no pages. Source: v4 getLanguages, v4 getCountries.
//
// API: v4 getLanguages
func (c *Client) Languages(ctx context.Context) ([]string, error) {
	return c.codes(ctx, "getLanguages", "/languages")
}

// Countries are the codes that the service knows, as it writes them; the list has
// no pages. Source: v4 getLanguages, v4 getCountries.
//
// API: v4 getCountries
func (c *Client) Countries(ctx context.Context) ([]string, error) {
	return c.codes(ctx, "getCountries", "/countries")
}

func (c *Client) codes(ctx context.Context, op, path string) ([]string, error) {
	var items []Code
	err := c.do(ctx, &request{op: op, kind: KindRead, method: "GET", url: c.apiURL + path, decode: func(b []byte) (err error) {
		_, items, err = decodePage[Code](b)
		return err
	}})
	if err != nil {
		return nil, err
	}
	codes := make([]string, 0, len(items))
	for _, it := range items {
		if it.Code != "" {
			codes = append(codes, it.Code)
		}
	}
	return codes, nil
}
