/**
 * Where channels may connect to. A name is looked up first, and what it leads to is looked at: clouds answer on
 * link-local addresses with the machine's own credentials, and a name can lead there.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { metadataAddress } from "../config_values.ts";
import { ChannelError, networkError } from "./channel.ts";

export interface Destination {
  /** The address to connect to. */
  readonly address: string;
  /** What its certificate must name, as `servername`; nothing for an address, which it must name then. */
  readonly tls: { readonly servername?: string };
}

/** Brackets of a URL's IPv6 address are not part of it. */
export const plainHost = (host: string): string => host.replace(/^\[|\]$/g, "");

/**
 * The first address of a name, where all of them are allowed: those of metadata services are not, unless `allowed`
 * names the very address. Rejects with ChannelError.
 */
export async function destinationOf(host: string, allowed: readonly string[]): Promise<Destination> {
  const name = plainHost(host);
  const addresses = isIP(name) !== 0 ? [name] : await lookedUp(name);
  const refused = addresses.find((address) => metadataAddress(address) && !allowed.includes(address));
  if (refused !== undefined) {
    throw new ChannelError(
      "its name leads to an address of the machine's own metadata (notify.allowAddresses could name it)",
      true,
    );
  }
  const [address] = addresses;
  if (address === undefined) throw new ChannelError("its name has no address");
  return { address, tls: isIP(name) === 0 ? { servername: name } : {} };
}

async function lookedUp(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw networkError(error);
  }
}
