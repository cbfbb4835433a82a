package evidence

// Made by another program, in another language, from the format's description alone.
const (
	goldenSalt       = "7cabc732dc1c78b3d82e09fc0c3ee7d5"
	goldenCommitment = "dA5wLvkosLIA9ezMX5Ahz3mPTk7Dlb-qzAW8g1XrReE"
	goldenEvent      = "e1\t1\t9\treset\t0\t0\tHnVcxjT7nh9Xt0vlVddZSsY4SGBd9lsQfXQMAJpkMPg\n"
	goldenRequest    = "r1\t7\t1767225600000000\t0" +
		"\tstart\tGET\thttps://acme.example\t/recording/{+id}\t200\t123456" +
		"\t0\t1\t1500\t300\t0\t" +
		"\ttransport\t00112233445566778899aabbccddeeff\tid\\twith\\\\ \\xff and é\\n" +
		"\t-2\tdA5wLvkosLIA9ezMX5Ahz3mPTk7Dlb-qzAW8g1XrReE\tf5Cn9tHtzI-8oN82t1jFDtplLodaEh_sTFcHypDwAbs\ta=b&c=d\n"
)
