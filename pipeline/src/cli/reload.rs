//! `gemba reload`: asks a running `gemba serve` to read its site file again.

use anyhow::{Context as _, bail};
use clap::Args;
use gemba_schemas::site::Site;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba reload`.
#[derive(Debug, Args)]
#[command(after_help = "\
The file is validated, its rules replace those before, and the past is derived again; the rows that changed are
listed. A wrong file changes nothing. A SIGHUP to the server does the same.")]
pub struct Reload {
    /// Site file of the running server; it names the address.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// Address of the running server, over the site's.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// The answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(args: Reload) -> anyhow::Result<ExitCode> {
    // Wrong files are refused here, with their places; the server reads the file that it was started with.
    let address = match args.listen {
        Some(address) => address,
        None => Site::load(&args.site)?.endpoint.listen,
    };
    let mut stream = TcpStream::connect(&address).with_context(|| format!("no gemba serves on {address}"))?;
    write!(stream, "POST /api/v1/reload HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the server's answer breaks off")?;
    let value: Value = serde_json::from_str(body).context("that is no gemba")?;
    if !head.starts_with("HTTP/1.0 200") && !head.starts_with("HTTP/1.1 200") {
        bail!("{}", value["error"]["message"].as_str().unwrap_or(head));
    }
    if args.json {
        println!("{value}");
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", crate::reload::told(&value));
    Ok(ExitCode::SUCCESS)
}
