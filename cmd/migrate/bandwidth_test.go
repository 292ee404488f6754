package main

import "testing"

func TestBandwidthsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"20MiB/s": 20 << 20, "20MB/s": 20_000_000, "100Mbit/s": 12_500_000, "100Mbps": -1, "1Gbit/s": 125_000_000, "1GiB/s": 1 << 30,
		"512KiB/s": 512 << 10, "512kB/s": 512_000, "1.5MB/s": 1_500_000, "800kbit/s": 100_000, "1Mibit/s": 131072, "20 MB/s": 20_000_000, "20MBps": 20_000_000, "20MiB": 20 << 20,
		"65536B/s": 65536, "16KiB/s": 16 << 10, "0": 0,
		"": -1, "fast": -1, "20": -1, "20M": -1, "20Mb/s": -1, "-1MB/s": -1, "15KiB/s": -1, "0MB/s": -1, "1iB/s": -1, "20MB/h": -1, "1e3MB/s": -1, "99999999999999999999GB/s": -1,
	} {
		b := bandwidth(7)
		err := b.Set(text)
		if (err != nil) != (want < 0) || err == nil && int64(b) != want {
			t.Errorf("%q is %d, %v; want %d", text, b, err, want)
		}
		if err != nil && b != 7 {
			t.Errorf("%q was refused and set %d", text, b)
		}
	}
	for text, want := range map[string]string{"20MiB/s": "20MiB/s", "20MB/s": "20MB/s", "0": ""} {
		var b, again bandwidth
		if err := b.Set(text); err != nil || b.String() != want {
			t.Errorf("%q is shown as %q, %v", text, b.String(), err)
		}
		if want != "" && (again.Set(b.String()) != nil || again != b) {
			t.Errorf("%q is shown as %q, which is read as %d", text, b.String(), again)
		}
	}
}
