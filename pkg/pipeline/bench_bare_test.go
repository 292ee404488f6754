package pipeline_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// bare moves the same items by the same three calls, and does nothing else: no
// plan, no look-up, no state, no check. As in a run, some workers create and
// others ask for a URL and send, with as many API requests in flight. What a
// run costs is told by how much faster this is.
type bare struct {
	url          string
	api, storage *http.Client
	slots        chan struct{} // API requests in flight
}

func newBare(b *testing.B, url string) *bare {
	api, storage := transports(b)
	return &bare{url: url, api: &http.Client{Transport: api}, storage: &http.Client{Transport: storage}, slots: make(chan struct{}, inFlight)}
}

type bareItem struct {
	i     int
	asset string
	sum   string
}

func (s *bare) move(ctx context.Context, n int) error {
	numbers, made := make(chan int), make(chan bareItem, inFlight)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		defer close(numbers)
		for i := range n {
			select {
			case numbers <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	all.Go(func() error {
		defer close(made)
		creators, ctx := errgroup.WithContext(ctx)
		for range inFlight {
			creators.Go(func() error { return s.create(ctx, numbers, made) })
		}
		return creators.Wait()
	})
	for range inFlight {
		all.Go(func() error {
			for it := range made {
				if err := s.send(ctx, it); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

func (s *bare) create(ctx context.Context, numbers <-chan int, made chan<- bareItem) error {
	content := make([]byte, fileSize)
	for i := range numbers {
		if _, err := io.ReadFull(newBytes(i), content); err != nil {
			return err
		}
		sum := md5.Sum(content)
		var asset struct {
			ID string `json:"id"`
		}
		err := s.call(ctx, "/v4/assets", map[string]any{
			"name": pathOf(i), "externalId": idOf(i), "description": descriptionOf(i),
			"division": map[string]string{"id": emulator.DivisionMarketing}, "languages": []map[string]string{{"code": "en"}},
		}, &asset)
		if err != nil {
			return err
		}
		select {
		case made <- bareItem{i, asset.ID, base64.StdEncoding.EncodeToString(sum[:])}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *bare) send(ctx context.Context, it bareItem) error {
	return s.put(ctx, it, pathOf(it.i), newBytes(it.i), fileSize)
}

// put asks for a URL and sends body to it.
func (s *bare) put(ctx context.Context, it bareItem, name string, body io.Reader, size int64) error {
	var file struct {
		UploadMeta struct {
			UploadURL            string            `json:"uploadUrl"`
			SuggestedContentType string            `json:"suggestedContentType"`
			Metadata             map[string]string `json:"metadata"`
		} `json:"uploadMeta"`
	}
	err := s.call(ctx, "/v4/assets/"+it.asset+"/files", map[string]string{"name": name, "contentMD5": it.sum}, &file)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, file.UploadMeta.UploadURL, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", file.UploadMeta.SuggestedContentType)
	req.Header.Set("Content-MD5", it.sum)
	for name, value := range file.UploadMeta.Metadata {
		if !strings.HasPrefix(name, "x-amz-") {
			name = "x-amz-meta-" + name
		}
		req.Header.Set(name, value)
	}
	return receive(s.storage, req, nil)
}

// call is one API request, in a slot.
func (s *bare) call(ctx context.Context, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	req.Header.Set("Content-Type", "application/json")
	return receive(s.api, req, answer)
}

func receive(c *http.Client, req *http.Request, answer any) error {
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %s", req.Method, req.URL.Path, resp.Status, raw)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(raw, answer)
}

// transports are the connections of the API and of storage, as the program has
// them.
func transports(b *testing.B) (api, storage *http.Transport) {
	api, err := showpad.NewTransport(showpad.TransportConfig{})
	if err != nil {
		b.Fatal(err)
	}
	storage, err = showpad.NewTransport(showpad.TransportConfig{HTTP1: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { api.CloseIdleConnections(); storage.CloseIdleConnections() })
	return api, storage
}
