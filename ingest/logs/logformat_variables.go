package logs

// variable is what a variable of a format string says: the field of a Mapping, "" for what is not
// looked at.
type variable struct {
	field, form string
	list        bool // may hold spaces
}

// nginxVariables are those of ngx_http_core_module, ngx_http_log_module and the headers that
// matter.
var nginxVariables = map[string]variable{
	"time_local":   {field: "ended_at", form: "clf", list: true},
	"time_iso8601": {field: "ended_at", form: "rfc3339"}, "msec": {field: "ended_at", form: "unix"},
	"request": {field: "request"}, "request_method": {field: "method"}, "request_uri": {field: "path"},
	"uri":          {field: "path"},
	"document_uri": {field: "path"}, "args": {field: "query"}, "query_string": {field: "query"},
	"scheme": {field: "scheme"},
	"host":   {field: "host"}, "http_host": {field: "host"}, "server_name": {field: "host"},
	"proxy_host": {field: "host"}, "server_port": {field: "port"},
	"status": {field: "status"}, "body_bytes_sent": {field: "response_bytes"},
	"bytes_sent":     {field: "response_bytes"},
	"content_length": {field: "request_bytes"}, "request_time": {field: "duration_ms", form: "s"},
	"sent_http_retry_after":    {field: "retry_after_s"},
	"sent_http_content_length": {field: "content_length"}, "remote_addr": {field: "client"},
	"http_x_forwarded_for":      {field: "client", list: true},
	"proxy_add_x_forwarded_for": {field: "client", list: true}, "http_x_real_ip": {field: "client"},
	"remote_user":   {list: true},
	"upstream_addr": {list: true}, "upstream_response_time": {list: true},
	"upstream_status": {list: true}, "upstream_response_length": {list: true},
	"upstream_connect_time": {list: true}, "upstream_header_time": {list: true},
	"upstream_bytes_received": {list: true},
}

// apacheDirectives are those of mod_log_config and mod_logio.
var apacheDirectives = map[string]variable{
	"r": {field: "request"}, "m": {field: "method"}, "U": {field: "path"}, "q": {field: "query"},
	"s": {field: "status"},
	"b": {field: "response_bytes"}, "B": {field: "response_bytes"}, "O": {field: "response_bytes"},
	"I": {}, "S": {},
	"D": {field: "duration_ms", form: "us"}, "T": {field: "duration_ms", form: "s"},
	"h": {field: "client"}, "a": {field: "client"},
	"v": {field: "host"}, "V": {field: "host"}, "p": {field: "port"}, "u": {list: true},
	"X": {field: "complete"},
}

// formatNames are format strings by the names that the servers' own files give them.
var formatNames = map[string]string{
	"nginx":         `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent`,
	"apache-common": `%h %l %u %t "%r" %>s %b`,
	"apache":        `%h %l %u %t "%r" %>s %b`,
	"apache-vhost":  `%v:%p %h %l %u %t "%r" %>s %b`,
}
