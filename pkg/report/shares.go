package report

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
	"github.com/showpad-migrate/migrate/pkg/state"
)

var shareColumns = []string{"key", "title", "status", "id", "anonymous", "untracked", "trackable", "expiresAt", "createdAt", "assets", "run"}

// Shares makes shares.csv: every share of a manifest that the state knows, with
// its links, whichever run made it. It is the only file with links, readable by
// its owner alone, and there is none where the state knows no share. To be called
// before [Writer.Close], which takes it into SHA256SUMS.
func (w *Writer) Shares(ctx context.Context, st state.Reader, manifest string) error {
	return writeShares(ctx, w.dir, w.evidence.separator(), st, manifest)
}

func writeShares(ctx context.Context, dir string, sep rune, st state.Reader, manifest string) error {
	all, err := state.AllExtras(ctx, st, state.Share, manifest)
	if err != nil || len(all) == 0 || manifest == "" {
		return err
	}
	t, err := newTable(dir, SharesFile, sep, shareColumns)
	if err != nil {
		return fmt.Errorf("%s: %w", SharesFile, err)
	}
	for i := range all {
		cells, err := ShareCells(&all[i], "", "")
		if err != nil {
			t.out.abandon()
			return fmt.Errorf("%s: %w", SharesFile, err)
		}
		t.write(cells)
	}
	if err := t.commit(); err != nil {
		return fmt.Errorf("%s: %w", SharesFile, err)
	}
	return nil
}

// ShareColumns are the columns of shares.csv.
func ShareColumns() []string { return append([]string(nil), shareColumns...) }

// ShareCells is the row of a share in shares.csv. The trackable link names the
// recipient and the platform unless they are "".
func ShareCells(e *state.Extra, recipient, platform string) ([]string, error) {
	data, links, err := pipeline.ReadShare(e)
	if err != nil {
		return nil, err
	}
	trackable, err := Trackable(links.Trackable, recipient, platform)
	if err != nil {
		return nil, fmt.Errorf("share %s: %w", e.Key, err)
	}
	status := e.Status
	if status == state.ExtraSending { // its answer never came
		status = state.ExtraUnknown
	}
	return []string{
		e.Key, data.Name, string(status), e.ID, links.Anonymous, links.Untracked, trackable,
		instantCell(data.ExpiresAt), instantCell(data.CreatedAt), strings.Join(data.Assets, " "), e.Run,
	}, nil
}

func instantCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Trackable is a trackable link with the recipient and the platform filled in;
// what is "" is left out. Source of the names: v4 create-share.
func Trackable(link, recipient, platform string) (string, error) {
	if link == "" || recipient == "" && platform == "" {
		return link, nil
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("its trackable link is no address") // without it: it is a secret
	}
	q := u.Query()
	for name, value := range map[string]string{"recipient": recipient, "platform": platform} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
